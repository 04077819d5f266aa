-- R-12: what was staged is added up, each version once, landing by landing
with

staged as (
    select
        batch,
        count(*) as events
    from {{ ref('stg_events') }}
    group by batch
),

in_groups as (
    select
        batch,
        sum(events) as events
    from {{ ref('int_events_on_current_routes') }}
    group by batch
)

select
    coalesce(staged.batch, in_groups.batch) as batch,
    staged.events as staged,
    in_groups.events as in_groups
from staged
full outer join in_groups
    on staged.batch = in_groups.batch
where staged.events is distinct from in_groups.events
