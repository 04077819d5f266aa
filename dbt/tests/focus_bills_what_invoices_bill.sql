-- FOCUS: the sum of BilledCost for an InvoiceId is what its document asks for, credits taken off
with

billed as (
    select
        InvoiceId as number,
        sum(BilledCost) as billed
    from {{ ref('focus') }}
    group by InvoiceId
)

select
    coalesce(invoices.number, billed.number) as number,
    invoices.total,
    billed.billed
from {{ ref('invoices') }} as invoices
full outer join billed
    on invoices.number = billed.number
where
    (invoices.number is not null or billed.number is not null)
    and coalesce(invoices.total, 0) <> coalesce(billed.billed, 0)
