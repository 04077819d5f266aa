-- what each customer was billed, month by month, by product
with lines as (
    select *
    from {{ source('meterhouse', 'invoice_lines') }}
),

invoices as (
    select *
    from {{ source('meterhouse', 'invoices') }}
    where status = 'issued'
),

customers as (
    select *
    from {{ source('meterhouse', 'customers') }}
)

select
    invoices.month,
    invoices.customer_id,
    customers.name as customer_name,
    invoices.currency,
    lines.kind,
    lines.pricing_code,
    cast(sum(lines.amount) as decimal(38, 4)) as amount,
    cast(sum(lines.credits_applied) as decimal(38, 4)) as paid_by_credits
from invoices
inner join lines
    on invoices.invoice_id = lines.invoice_id
left join customers
    on invoices.customer_id = customers.customer_id
group by
    invoices.month,
    invoices.customer_id,
    customers.name,
    invoices.currency,
    lines.kind,
    lines.pricing_code
