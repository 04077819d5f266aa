-- the balance of any grant on any date: the row whose interval holds it. For a contract, sum the rows of its grants.
with moments as (
    select
        contract_id,
        grant_id,
        currency,
        occurred_at,
        sum(amount) as amount,
        sum(credits) as credits
    from {{ ref('credit_ledger') }}
    where status = 'posted'
    group by
        contract_id,
        grant_id,
        currency,
        occurred_at
)

select
    contract_id,
    grant_id,
    currency,
    occurred_at as valid_from,
    lead(occurred_at) over (partition by grant_id order by occurred_at) as valid_to,
    cast(sum(amount) over (partition by grant_id order by occurred_at) as decimal(38, 4)) as balance,
    cast(sum(credits) over (partition by grant_id order by occurred_at) as decimal(38, 9)) as credits
from moments
