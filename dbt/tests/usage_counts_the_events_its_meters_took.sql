-- R-16: no event is lost, and none counted twice, between a meter and its usage
with

taken as (
    select
        meter_code,
        sum(events) as events
    from {{ ref('reconciliation') }}
    where
        meter_code is not null
        and disposition = 'metered'
    group by meter_code
),

used as (
    select
        meter_code,
        sum(event_count) as events
    from {{ ref('usage') }}
    group by meter_code
)

select
    coalesce(taken.meter_code, used.meter_code) as meter_code,
    taken.events as taken,
    used.events as used
from taken
full outer join used
    on taken.meter_code = used.meter_code
where coalesce(taken.events, 0) <> coalesce(used.events, 0)
