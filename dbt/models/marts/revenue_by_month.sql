-- a line belongs to the month its document's period ends in, a draft's as well as an issued one's: `status` keeps them apart
select
    invoices."month",
    invoices.status,
    invoices.currency,
    lines.kind,
    lines.pricing_code,
    lines.meter_code,
    sum(lines.quantity)::decimal(38, 9) as quantity,
    sum(lines.amount)::decimal(38, 4) as amount,
    sum(lines.credits_applied)::decimal(38, 4) as credits_applied,
    count(*) as lines,
    -- what was used and is no credit's; what prepaid credits paid is recognised at its cost in deferred_revenue_by_month
    (coalesce(sum(lines.amount - lines.credits_applied) filter (invoices.status = 'issued' and lines.kind <> 'prepaid_purchase'), 0))
    ::decimal(38, 4) as recognised,
    (coalesce(sum(lines.amount - lines.credits_applied) filter (invoices.status = 'issued'), 0))::decimal(38, 4) as billed,
    (coalesce(sum(lines.amount - lines.credits_applied) filter (invoices.status = 'draft'), 0))::decimal(38, 4) as drafted
from {{ ref('invoice_lines') }} as lines
inner join {{ ref('invoices') }} as invoices
    on lines.invoice_id = invoices.invoice_id
group by
    invoices."month",
    invoices.status,
    invoices.currency,
    lines.kind,
    lines.pricing_code,
    lines.meter_code
