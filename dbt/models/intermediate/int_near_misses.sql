{#- Group and aggregation keys that events lack while they carry a property of nearly that name: `callOutcome` or `Call-Outcome`
    for `call_outcome`. For the run's warnings; nothing is ever matched by it (R-15 compares exactly). -#}

with

-- few: a shape keeps names of properties only where something that a meter reads is missing
lacking as (
    select *
    from {{ ref('int_event_shapes') }}
    where property_names is not null
),

found as (
    select
        lacking.event_name,
        names.event_name as known_name,
        lacking.property_names,
        counted.events,
        {{ each_of('lacking.property_names') }} as property
    from {{ ref('int_counted_groups') }} as counted
    inner join lacking
        on counted.shape = lacking.shape
    left join {{ ref('stg_event_names') }} as names
        on lacking.event_name = names.event_name
)

select
    found.event_name,
    slots.property as wanted_property,
    found.property as found_property,
    cast(sum(found.events) as bigint) as events
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
having sum(found.events) <> 0
