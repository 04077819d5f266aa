with

names as (
    select event_name
    from {{ ref('stg_event_names') }}
),

meters as (
    select
        {{ all_but(['quantity_property', 'group_properties']) }},
        coalesce(quantity_property, aggregation_key) as read_property,
        coalesce(group_properties, group_keys) as group_properties,
        aggregation in ('sum', 'count', 'counter') as is_kept_per_window
    from {{ source('books', 'meters') }}
    where status = 'active'
),

taken as (
    select
        names.event_name,
        meters.*
    from names
    inner join meters
        on
            (meters.include_events is null or {{ holds('meters.include_events', 'names.event_name') }})
            and not coalesce({{ holds('meters.exclude_events', 'names.event_name') }}, false)
)

select
    taken.event_name,
    cast(row_number() over (partition by taken.event_name order by taken.meter_code) as integer) as meter_no,
    taken.meter_code,
    taken.aggregation,
    taken.is_kept_per_window,
    case when taken.aggregation not in ('count', 'unique') then taken.read_property end as number_property,
    case when taken.aggregation = 'unique' then taken.read_property end as text_property,
    taken.group_keys,
    taken.group_properties,
    taken.percentile,
    taken.interval_seconds,
    coalesce(taken.from_zero, false) as from_zero
from taken
