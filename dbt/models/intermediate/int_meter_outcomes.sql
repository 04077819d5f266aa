with

all_matches as (
    select distinct
        event_name,
        meter_matches
    from {{ ref('int_event_groups') }}
),

property_columns as (
    select *
    from {{ ref('stg_event_columns') }}
    union all
    -- the customer has a place in the usage and none in the events (R-97)
    select distinct
        event_name,
        'group',
        {{ customer_group() }},
        0
    from {{ ref('stg_event_meters') }}
),

meters as (
    select *
    from {{ ref('stg_event_meters') }}
),

-- the name under which the meters know the event; null: one of the names that none of them mentions
known_matches as (
    select
        all_matches.event_name,
        all_matches.meter_matches,
        names.event_name as known_name
    from all_matches
    left join {{ ref('stg_event_names') }} as names
        on all_matches.event_name = names.event_name
),

group_column_nos as (
    select
        meters.event_name,
        meters.meter_code,
        {{ list_of('property_columns.column_no', place_in('meters.group_properties', 'property_columns.property')) }} as group_column_nos
    from meters
    inner join property_columns
        on
            meters.event_name is not distinct from property_columns.event_name
            and {{ holds('meters.group_properties', 'property_columns.property') }}
            and property_columns.kind = 'group'
    group by
        meters.event_name,
        meters.meter_code
),

outcomes as (
    select
        known_matches.event_name,
        known_matches.meter_matches,
        meters.meter_code,
        meters.aggregation,
        meters.is_kept_per_window,
        meters.group_keys,
        meters.percentile,
        meters.interval_seconds,
        meters.from_zero,
        coalesce(group_column_nos.group_column_nos, {{ empty_list('integer') }}) as group_column_nos,
        number_columns.column_no as number_column_no,
        text_columns.kind || '_' || text_columns.column_no as text_column,
        case substr(known_matches.meter_matches, meters.meter_no, 1)
            when 'm' then 'metered'
            when 'b' then 'bad_quantity'
        end as disposition
    from known_matches
    inner join meters
        on known_matches.known_name is not distinct from meters.event_name
    left join group_column_nos
        on
            meters.event_name is not distinct from group_column_nos.event_name
            and meters.meter_code = group_column_nos.meter_code
    left join property_columns as number_columns
        on
            meters.event_name is not distinct from number_columns.event_name
            and meters.number_property = number_columns.property
            and number_columns.kind = 'number'
    left join property_columns as text_columns
        on
            meters.event_name is not distinct from text_columns.event_name
            and meters.text_property = text_columns.property
            and text_columns.kind <> 'number'
)

select *
from outcomes
where disposition is not null
