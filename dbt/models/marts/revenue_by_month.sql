-- a line belongs to the month its document's period ends in, a draft's as well as an issued one's: `status` keeps them apart. What it
-- recognises belongs to the month of the service: of a fee in advance that is the month of the period it pays for, once that is issued
with billed_lines as (
    select
        invoices.month,
        invoices.status,
        invoices.currency,
        invoices.contract_id,
        lines.kind,
        lines.pricing_code,
        lines.meter_code,
        lines.service_start,
        lines.quantity,
        lines.amount,
        lines.credits_applied,
        lines.amount - lines.credits_applied as due
    from {{ ref('invoice_lines') }} as lines
    inner join {{ ref('invoices') }} as invoices
        on lines.invoice_id = invoices.invoice_id
),

-- what was used and is no credit's; what prepaid credits paid is recognised at its cost in deferred_revenue_by_month
recognised_at_once as (
    select
        month,
        status,
        currency,
        kind,
        pricing_code,
        meter_code,
        quantity,
        amount,
        credits_applied,
        due,
        1 as lines,
        case when status = 'issued' and kind <> 'prepaid_purchase' and service_start is null then due else 0 end as recognised
    from billed_lines
),

recognised_with_its_period as (
    select
        periods.month,
        billed_lines.status,
        billed_lines.currency,
        billed_lines.kind,
        billed_lines.pricing_code,
        billed_lines.meter_code,
        0 as quantity,
        0 as amount,
        0 as credits_applied,
        0 as due,
        0 as lines,
        billed_lines.due as recognised
    from billed_lines
    inner join {{ ref('invoices') }} as periods
        on
            billed_lines.contract_id = periods.contract_id
            and billed_lines.service_start = periods.period_start
    where
        billed_lines.status = 'issued'
        and periods.status = 'issued'
        and periods.kind = 'period'
),

together as (
    select * from recognised_at_once
    union all
    select * from recognised_with_its_period
)

select
    month,
    status,
    currency,
    kind,
    pricing_code,
    meter_code,
    cast(sum(quantity) as decimal(38, 9)) as quantity,
    cast(sum(amount) as decimal(38, 4)) as amount,
    cast(sum(credits_applied) as decimal(38, 4)) as credits_applied,
    cast(sum(lines) as bigint) as lines,
    cast(sum(recognised) as decimal(38, 4)) as recognised,
    cast(sum(case when status = 'issued' then due else 0 end) as decimal(38, 4)) as billed,
    cast(sum(case when status = 'draft' then due else 0 end) as decimal(38, 4)) as drafted
from together
group by
    month,
    status,
    currency,
    kind,
    pricing_code,
    meter_code
