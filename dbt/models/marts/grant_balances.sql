-- what each grant holds: posted entries are facts, drafts show what open periods will draw if nothing changes
with entries as (
    select
        grant_id,
        sum(amount) filter (status = 'posted') as balance,
        sum(amount) as balance_with_drafts,
        sum(credits) filter (status = 'posted') as credits,
        sum(amount) filter (status = 'posted' and type in ('usage', 'reversal')) as moved,
        sum(amount) filter (status = 'posted' and type = 'expiration') as lapsed
    from {{ ref('credit_ledger') }}
    group by grant_id
)

select
    grants.grant_id,
    grants.contract_id,
    contracts.customer_id,
    grants.kind,
    contracts.currency,
    grants.amount::decimal(38, 4) as amount,
    grants.price::decimal(38, 4) as price,
    grants.effective_at,
    grants.expires_at,
    coalesce(entries.balance, 0)::decimal(38, 4) as balance,
    coalesce(entries.balance_with_drafts, 0)::decimal(38, 4) as balance_with_drafts,
    entries.credits::decimal(38, 9) as credits,
    (-coalesce(entries.moved, 0))::decimal(38, 4) as drawn,
    (-coalesce(entries.lapsed, 0))::decimal(38, 4) as lapsed
from {{ source('books', 'credit_grants') }} as grants
inner join {{ source('books', 'contracts') }} as contracts
    on grants.contract_id = contracts.contract_id
inner join entries
    on grants.grant_id = entries.grant_id
