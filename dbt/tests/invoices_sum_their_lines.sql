-- R-3, R-40: a document is the sum of its lines; what was published before has been looked at when it came
with

new as (
    select invoice_id
    from {{ source('rating', 'invoices') }}
),

lines as (
    select
        invoice_id,
        sum(amount) as amount,
        sum(credits_applied) as credits_applied
    from {{ ref('invoice_lines') }}
    where invoice_id in (select new.invoice_id from new)
    group by invoice_id
)

select
    invoices.invoice_id,
    invoices.subtotal,
    lines.amount as sum_of_lines,
    invoices.credits_applied,
    lines.credits_applied as credits_on_lines,
    invoices.total
from {{ ref('invoices') }} as invoices
inner join new
    on invoices.invoice_id = new.invoice_id
left join lines
    on invoices.invoice_id = lines.invoice_id
where
    invoices.subtotal <> coalesce(lines.amount, 0)
    or invoices.credits_applied <> coalesce(lines.credits_applied, 0)
    or invoices.total <> invoices.subtotal - invoices.credits_applied
