-- what lapsed unused, by month: of prepaid grants it is revenue, of promotional ones it is nothing
select
    {{ month_name('ledger.occurred_at') }} as month,
    ledger.currency,
    grants.kind,
    cast(-sum(ledger.amount) as decimal(38, 4)) as lapsed,
    cast(-sum(ledger.amount) filter (where grants.kind = 'prepaid') as decimal(38, 4)) as breakage,
    count(*) as grants
from {{ ref('credit_ledger') }} as ledger
inner join {{ ref('grant_balances') }} as grants
    on ledger.grant_id = grants.grant_id
where ledger.type = 'expiration' and ledger.status = 'posted'
group by
    {{ month_name('ledger.occurred_at') }},
    ledger.currency,
    grants.kind
