{{ config(materialized='view') }}

select events.*
from {{ ref('stg_events') }} as events
where
    not exists (
        select 1
        from {{ ref('int_superseded_events') }} as superseded
        where
            superseded.position = events.position
            and superseded.batch = events.batch
            and superseded.element = events.element
            and superseded.file = events.file
    )
