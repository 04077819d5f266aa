with

fits as (
    select distinct
        event_name,
        fit
    from {{ ref('int_event_groups') }}
),

slots as (
    select *
    from {{ ref('stg_event_slots') }}
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
known_fits as (
    select
        fits.event_name,
        fits.fit,
        names.event_name as known_name
    from fits
    left join {{ ref('stg_event_names') }} as names
        on fits.event_name = names.event_name
),

group_slots as (
    select
        meters.event_name,
        meters.meter_code,
        {{ list_of('slots.slot', place_in('meters.group_properties', 'slots.property')) }} as group_slots
    from meters
    inner join slots
        on
            meters.event_name is not distinct from slots.event_name
            and {{ holds('meters.group_properties', 'slots.property') }}
            and slots.kind = 'group'
    group by
        meters.event_name,
        meters.meter_code
),

outcomes as (
    select
        known_fits.event_name,
        known_fits.fit,
        meters.meter_code,
        meters.aggregation,
        meters.is_kept_per_window,
        meters.group_keys,
        meters.percentile,
        meters.interval_seconds,
        meters.from_zero,
        coalesce(group_slots.group_slots, {{ empty_list('integer') }}) as group_slots,
        number_slots.slot as number_slot,
        text_slots.kind || '_' || text_slots.slot as text_column,
        case substr(known_fits.fit, meters.meter_no, 1)
            when 'm' then 'metered'
            when 'b' then 'bad_quantity'
        end as disposition
    from known_fits
    inner join meters
        on known_fits.known_name is not distinct from meters.event_name
    left join group_slots
        on
            meters.event_name is not distinct from group_slots.event_name
            and meters.meter_code = group_slots.meter_code
    left join slots as number_slots
        on
            meters.event_name is not distinct from number_slots.event_name
            and meters.number_property = number_slots.property
            and number_slots.kind = 'number'
    left join slots as text_slots
        on
            meters.event_name is not distinct from text_slots.event_name
            and meters.text_property = text_slots.property
            and text_slots.kind <> 'number'
)

select *
from outcomes
where disposition is not null
