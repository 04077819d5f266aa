-- R-12: what was landed is staged, each version once
with

landed as (
    select count(*) as events
    from {{ source('raw', 'events') }}
),

staged as (
    select count(*) as events
    from {{ ref('stg_events') }}
)

select
    landed.events as landed,
    staged.events as staged
from landed
cross join staged
where landed.events <> staged.events
