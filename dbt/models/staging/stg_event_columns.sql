with

meters as (
    select *
    from {{ ref('stg_event_meters') }}
),

wanted as (
    select
        event_name,
        'number' as kind,
        number_property as property
    from meters
    where number_property is not null
    union
    select
        event_name,
        'group',
        {{ each_of('group_properties') }}
    from meters
    union
    select
        event_name,
        'text',
        text_property
    from meters
    where text_property is not null
    union
    select
        meters.event_name,
        'text',
        filters.property
    from meters
    inner join {{ source('books', 'meter_filters') }} as filters
        on meters.meter_code = filters.meter_code
),

-- a group key that is filtered on or counted needs no second place: its column already is canonical text; the customer needs none, for
-- it is known with the contract (R-97)
needed as (
    select
        event_name,
        kind,
        property
    from wanted
    where
        property <> {{ customer_group() }}
        and (kind <> 'text' or not exists (
            select 1
            from wanted as grouped
            where
                grouped.kind = 'group'
                and grouped.event_name is not distinct from wanted.event_name
                and grouped.property = wanted.property
        ))
)

select
    event_name,
    kind,
    property,
    cast(row_number() over (partition by event_name, kind order by property) as integer) as column_no
from needed
