-- the balance of any contract on any date: the row whose interval holds it
with moments as (
    select
        contract_id,
        currency,
        occurred_at,
        sum(amount) as amount
    from {{ ref('credit_ledger') }}
    where status = 'posted'
    group by
        contract_id,
        currency,
        occurred_at
)

select
    contract_id,
    currency,
    occurred_at as valid_from,
    lead(occurred_at) over (partition by contract_id order by occurred_at) as valid_to,
    cast(sum(amount) over (partition by contract_id order by occurred_at) as decimal(38, 4)) as balance
from moments
