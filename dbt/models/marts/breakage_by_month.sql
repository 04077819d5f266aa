-- what lapsed unused, by month: of prepaid grants it is revenue, of promotional ones it is nothing
select
    strftime(ledger.occurred_at, '%Y-%m') as "month",
    ledger.currency,
    grants.kind,
    (-sum(ledger.amount))::decimal(38, 4) as lapsed,
    (-sum(ledger.amount) filter (grants.kind = 'prepaid'))::decimal(38, 4) as breakage,
    count(*) as grants
from {{ ref('credit_ledger') }} as ledger
inner join {{ ref('grant_balances') }} as grants
    on ledger.grant_id = grants.grant_id
where ledger.type = 'expiration' and ledger.status = 'posted'
group by
    strftime(ledger.occurred_at, '%Y-%m'),
    ledger.currency,
    grants.kind
