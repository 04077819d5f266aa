{#- Group and aggregation keys that events lack while they carry a property of nearly that name: `callOutcome` or `Call-Outcome`
    for `call_outcome`. For the run's warnings; nothing is ever matched by it (R-15 compares exactly). -#}

with

-- few: stg_events keeps names of properties only where something that a meter reads is missing
lacking as (
    select
        event_name,
        property_names,
        count(*) as events
    from {{ ref('int_latest_events') }}
    where property_names is not null
    group by
        event_name,
        property_names
),

known as (
    select
        lacking.*,
        names.event_name as known_name
    from lacking
    left join {{ ref('stg_event_names') }} as names
        on lacking.event_name = names.event_name
),

found as (
    select
        event_name,
        known_name,
        property_names,
        events,
        {{ each_of('property_names') }} as property
    from known
)

select
    found.event_name,
    slots.property as wanted_property,
    found.property as found_property,
    sum(found.events)::bigint as events
from found
inner join {{ ref('stg_event_slots') }} as slots
    on
        found.known_name is not distinct from slots.event_name
        and slots.kind <> 'text'
        and {{ folded('found.property') }} = {{ folded('slots.property') }}
        and not {{ holds('found.property_names', 'slots.property') }}
group by
    found.event_name,
    slots.property,
    found.property
