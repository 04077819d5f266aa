{#- Group and aggregation keys that events lack while they carry a property of nearly that name: `callOutcome` or `Call-Outcome`
    for `call_outcome`. For the run's warnings; nothing is ever matched by it (R-15 compares exactly). -#}

with

-- few: a signature keeps names of properties only where something that a meter reads is missing
lacking as (
    select *
    from {{ ref('int_event_signatures') }}
    where property_names is not null
),

found as (
    select
        lacking.event_name,
        names.event_name as known_name,
        lacking.property_names,
        counted.events,
        {{ each_of('lacking.property_names') }} as property
    from {{ ref('int_events_counted') }} as counted
    inner join lacking
        on counted.signature = lacking.signature
    left join {{ ref('stg_event_names') }} as names
        on lacking.event_name = names.event_name
)

select
    found.event_name,
    property_columns.property as wanted_property,
    found.property as found_property,
    cast(sum(found.events) as bigint) as events
from found
inner join {{ ref('stg_event_columns') }} as property_columns
    on
        found.known_name is not distinct from property_columns.event_name
        and property_columns.kind <> 'text'
        and {{ folded('found.property') }} = {{ folded('property_columns.property') }}
        and not {{ holds('found.property_names', 'property_columns.property') }}
group by
    found.event_name,
    property_columns.property,
    found.property
having sum(found.events) <> 0
