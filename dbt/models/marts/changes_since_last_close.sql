-- what differs from invoices that had gone out, line by line: on adjustments of the last close and later, and on drafts that wait
with last_close as (
    select max(issued_at) as issued_at
    from {{ ref('invoices') }}
    where
        kind = 'period'
        and status = 'issued'
),

adjustments as (
    select invoices.*
    from {{ ref('invoices') }} as invoices
    cross join last_close
    where
        invoices.kind = 'adjustment'
        and (invoices.status = 'draft' or invoices.issued_at >= last_close.issued_at)
),

-- a line of an original, with what earlier adjustments have changed of it, and the price that stood there last
told_before as (
    select
        coalesce(invoices.adjusts_invoice_id, invoices.invoice_id) as original_id,
        lines.kind,
        lines.pricing_code,
        lines.dimensions,
        lines.price_from,
        lines.service_start,
        sum(lines.amount) as amount,
        max_by(coalesce(cast(lines.unit_rate as string), 'tiers'), invoices.issued_at) as rate
    from {{ ref('invoice_lines') }} as lines
    inner join {{ ref('invoices') }} as invoices
        on lines.invoice_id = invoices.invoice_id
    left join adjustments
        on invoices.invoice_id = adjustments.invoice_id
    where
        adjustments.invoice_id is null
        and invoices.status = 'issued'
        and coalesce(invoices.adjusts_invoice_id, invoices.invoice_id) in (
            select corrected.adjusts_invoice_id
            from adjustments as corrected
        )
    group by
        coalesce(invoices.adjusts_invoice_id, invoices.invoice_id),
        lines.kind,
        lines.pricing_code,
        lines.dimensions,
        lines.price_from,
        lines.service_start
),

changes as (
    select
        adjustments.*,
        originals.number as adjusts_number,
        originals.month as original_month,
        {{ all_but(['invoice_id', 'kind', 'credits_applied'], 'lines') }},
        lines.kind as line_kind,
        lines.credits_applied as line_credits,
        coalesce(cast(lines.unit_rate as string), 'tiers') as rate,
        told_before.rate as rate_before,
        coalesce(told_before.amount, 0) + coalesce(sum(lines.amount) over earlier, 0) as amount_before
    from adjustments
    inner join {{ ref('invoice_lines') }} as lines
        on adjustments.invoice_id = lines.invoice_id
    inner join {{ ref('invoices') }} as originals
        on adjustments.adjusts_invoice_id = originals.invoice_id
    left join told_before
        on
            adjustments.adjusts_invoice_id = told_before.original_id
            and lines.kind = told_before.kind
            and lines.pricing_code is not distinct from told_before.pricing_code
            and lines.dimensions is not distinct from told_before.dimensions
            and lines.price_from is not distinct from told_before.price_from
            and lines.service_start is not distinct from told_before.service_start
    -- an adjustment that waits comes after one that went out with the last close
    window earlier as (
        partition by
            adjustments.adjusts_invoice_id,
            lines.kind,
            lines.pricing_code,
            lines.dimensions,
            lines.price_from,
            lines.service_start
        order by adjustments.issued_at nulls last
        rows between unbounded preceding and 1 preceding
    )
)

select
    invoice_id,
    line_no,
    number,
    status,
    adjusts_number,
    customer_id,
    contract_id,
    currency,
    original_month,
    period_start,
    period_end,
    line_kind as kind,
    pricing_code,
    meter_code,
    dimensions,
    description,
    case
        when line_kind <> 'usage' then 'terms'
        when quantity = 0 and event_count = 0 then 'price'
        when rate <> rate_before then 'usage_and_price'
        else 'usage'
    end as cause,
    quantity,
    event_count,
    cast(amount_before as decimal(38, 4)) as amount_before,
    amount,
    cast(amount_before + amount as decimal(38, 4)) as amount_now,
    line_credits as credits_applied
from changes
