-- what each grant holds: posted entries are facts, drafts show what open periods will draw if nothing changes
with entries as (
    select
        grant_id,
        sum(amount) filter (where status = 'posted') as balance,
        sum(amount) as balance_with_drafts,
        sum(credits) filter (where status = 'posted') as credits,
        sum(amount) filter (where status = 'posted' and type in ('usage', 'reversal')) as moved,
        sum(amount) filter (where status = 'posted' and type = 'expiration') as lapsed,
        sum(amount) filter (where status = 'posted' and type = 'rollover') as rolled
    from {{ ref('credit_ledger') }}
    group by grant_id
),

held as (
    select
        grants.*,
        contracts.customer_id,
        contracts.currency,
        contracts.minor_digits,
        coalesce(entries.balance, 0) as balance,
        coalesce(entries.balance_with_drafts, 0) as balance_with_drafts,
        entries.credits as credits_left,
        entries.moved,
        entries.lapsed,
        entries.rolled
    from {{ source('books', 'credit_grants') }} as grants
    inner join {{ source('books', 'contracts') }} as contracts
        on grants.contract_id = contracts.contract_id
    inner join entries
        on grants.grant_id = entries.grant_id
)

select
    grant_id,
    contract_id,
    customer_id,
    kind,
    currency,
    cast(amount as decimal(38, 4)) as amount,
    cast(price as decimal(38, 4)) as price,
    effective_at,
    expires_at,
    cast(balance as decimal(38, 4)) as balance,
    cast(balance_with_drafts as decimal(38, 4)) as balance_with_drafts,
    cast(credits_left as decimal(38, 9)) as credits,
    cast(-coalesce(moved, 0) as decimal(38, 4)) as drawn,
    cast(-coalesce(lapsed, 0) as decimal(38, 4)) as lapsed,
    cast(coalesce(rolled, 0) as decimal(38, 4)) as rolled,
    {{ cost_of('balance') }} as cost_basis
from held
