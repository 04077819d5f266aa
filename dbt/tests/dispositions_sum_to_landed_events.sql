-- R-12: landed = sum over dispositions, in every month and of every event name
with

staged as (
    select
        {{ month_name('"month"') }} as period,
        event_name,
        count(*) as events
    from {{ ref('stg_events') }}
    group by
        "month",
        event_name
),

disposed as (
    select
        period,
        event_name,
        sum(events) as events
    from {{ ref('reconciliation') }}
    where meter_code is null
    group by
        period,
        event_name
)

select
    coalesce(staged.period, disposed.period) as period,
    coalesce(staged.event_name, disposed.event_name) as event_name,
    staged.events as landed,
    disposed.events as disposed
from staged
full outer join disposed
    on
        staged.period = disposed.period
        and staged.event_name = disposed.event_name
where staged.events is distinct from disposed.events
