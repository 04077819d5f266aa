{{ config(materialized='view') }}

select
    events.*,
    late.batch is not null as is_late
from {{ ref('stg_events') }} as events
left join {{ ref('int_late_versions') }} as late
    on
        events.position = late.position
        and events.batch = late.batch
        and events.element = late.element
        and events.file = late.file
where
    not coalesce(late.is_kept_out, false)
    and not exists (
        select 1
        from {{ ref('int_superseded_events') }} as superseded
        where
            superseded.position = events.position
            and superseded.batch = events.batch
            and superseded.element = events.element
            and superseded.file = events.file
    )
