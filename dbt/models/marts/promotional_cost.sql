-- usage that promotional credits paid: what giving them away cost, by the billing month of the usage
select
    invoices.month,
    ledger.currency,
    ledger.contract_id,
    cast(-sum(ledger.amount) as decimal(38, 4)) as cost
from {{ ref('credit_ledger') }} as ledger
inner join {{ ref('grant_balances') }} as grants
    on ledger.grant_id = grants.grant_id
inner join {{ ref('invoices') }} as invoices
    on ledger.invoice_id = invoices.invoice_id
where
    ledger.type in ('usage', 'reversal')
    and ledger.status = 'posted'
    and grants.kind = 'promotional'
group by
    invoices.month,
    ledger.currency,
    ledger.contract_id
