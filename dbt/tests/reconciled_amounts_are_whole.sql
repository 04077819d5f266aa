-- the parts by month and event name add up to what was rated, meter by meter and currency by currency
with

rated as (
    select
        amounts.meter_code,
        contracts.currency,
        sum(amounts.amount) as amount
    from {{ source('rating', 'reconciled_amounts') }} as amounts
    left join {{ source('books', 'contracts') }} as contracts
        on amounts.contract_id = contracts.contract_id
    group by
        amounts.meter_code,
        contracts.currency
),

shown as (
    select
        meter_code,
        currency,
        sum(amount) as amount
    from {{ ref('reconciliation') }}
    where meter_code is not null
    group by
        meter_code,
        currency
)

select
    rated.meter_code,
    rated.currency,
    rated.amount as rated,
    shown.amount as shown
from rated
full outer join shown
    on
        rated.meter_code = shown.meter_code
        and rated.currency is not distinct from shown.currency
where coalesce(rated.amount, 0) <> coalesce(shown.amount, 0)
