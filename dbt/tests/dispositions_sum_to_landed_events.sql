-- R-12: landed = sum over dispositions, in every month and of every event name
with

landed as (
    select
        {{ month_name('landed.month') }} as period,
        signatures.event_name,
        sum(landed.events) as events
    from {{ ref('int_events_on_current_routes') }} as landed
    inner join {{ ref('int_event_signatures') }} as signatures
        on landed.signature = signatures.signature
    group by
        landed.month,
        signatures.event_name
),

disposed as (
    select
        period,
        event_name,
        sum(events) as events
    from {{ ref('reconciliation') }}
    -- of withdrawn files nothing is staged
    where meter_code is null and disposition <> 'withdrawn'
    group by
        period,
        event_name
)

select
    coalesce(landed.period, disposed.period) as period,
    coalesce(landed.event_name, disposed.event_name) as event_name,
    landed.events as landed,
    disposed.events as disposed
from landed
full outer join disposed
    on
        landed.period = disposed.period
        and landed.event_name = disposed.event_name
where landed.events is distinct from disposed.events
