{#- Prepaid credits at what was paid for them, month by month: opening + sold - used - expired = closing. What a movement costs is the
    difference of two running shares of the grant's price, so that all of them add up to the price, to the last minor unit. What rolls
    over leaves one grant and enters another in the same month: no more of it stays here than a minor unit that the two shares differ by. -#}

with

movements as (
    select
        grant_id,
        {{ month_of('occurred_at') }} as moved_in,
        coalesce(sum(amount) filter (where type in ('grant', 'adjustment')), 0) as sold,
        coalesce(sum(amount) filter (where type in ('usage', 'reversal')), 0) as used,
        coalesce(sum(amount) filter (where type in ('expiration', 'rollover')), 0) as expired
    from {{ ref('credit_ledger') }}
    where status = 'posted'
    group by
        grant_id,
        {{ month_of('occurred_at') }}
),

running as (
    select
        movements.*,
        grants.currency,
        grants.price,
        grants.amount,
        contracts.minor_digits,
        coalesce(sum(movements.sold + movements.used + movements.expired) over earlier_months, 0) as opening
    from movements
    inner join {{ ref('grant_balances') }} as grants
        on movements.grant_id = grants.grant_id
    inner join {{ source('books', 'contracts') }} as contracts
        on grants.contract_id = contracts.contract_id
    where grants.kind = 'prepaid'
    window
        earlier_months as (
            partition by movements.grant_id
            order by movements.moved_in
            rows between unbounded preceding and 1 preceding
        )
),

at_cost as (
    select
        moved_in,
        currency,
        {{ cost_of('opening') }} as cost_opening,
        {{ cost_of('(opening + sold)') }} as cost_sold,
        {{ cost_of('(opening + sold + used)') }} as cost_used,
        {{ cost_of('(opening + sold + used + expired)') }} as cost_closing
    from running
),

by_month as (
    select
        moved_in,
        currency,
        sum(cost_sold - cost_opening) as sold,
        sum(cost_sold - cost_used) as used,
        sum(cost_used - cost_closing) as expired
    from at_cost
    group by
        moved_in,
        currency
),

closed as (
    select
        *,
        sum(sold - used - expired) over (partition by currency order by moved_in) as closing
    from by_month
)

select
    {{ month_name('moved_in') }} as month,
    currency,
    cast(closing - sold + used + expired as decimal(38, 4)) as opening,
    cast(sold as decimal(38, 4)) as sold,
    cast(used as decimal(38, 4)) as used,
    cast(expired as decimal(38, 4)) as expired,
    cast(closing as decimal(38, 4)) as closing
from closed
