with

meters as (
    select
        include_events,
        exclude_events
    from {{ source('books', 'meters') }}
    where status = 'active'
),

names as (
    select {{ each_of('include_events') }} as event_name
    from meters
    union
    select {{ each_of('exclude_events') }}
    from meters
    union
    -- every name that no meter mentions
    select cast(null as string)
    from meters
    where include_events is null
)

select event_name
from names
