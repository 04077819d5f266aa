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
    count(*) as lines
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
