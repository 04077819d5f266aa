{#- The one pass over all events: what the books cannot tell apart is added up, and everything after reads the groups. -#}
{%- set readings = event_readings() -%}
{%- set numbers = slot_columns('number', readings) -%}
{%- set groups = slot_columns('group', readings) -%}

with

events as (
    select *
    from {{ ref('int_latest_events') }}
    where not is_tombstone
),

routes as (
    select *
    from {{ ref('int_event_routes') }}
),

routed as (
    select
        events.*,
        routes.slice_no,
        case when routes.slice_no is null then events.customer_reference end as unrouted_reference,
        case when routes.slice_no is null then events.is_external_reference end as is_unrouted_external
    from events
    -- the month makes the join one of equals; the slice then is looked for among a handful
    left join routes
        on
            events.customer_reference = routes.customer_reference
            and events.is_external_reference = routes.is_external_reference
            and events."month" = routes."month"
            and events."timestamp" >= routes.slice_start
            and events."timestamp" < routes.slice_end
),

grouped as (
    select
        slice_no,
        unrouted_reference,
        is_unrouted_external,
        pinned_contract_id,
        event_name,
        fit,
        is_late,
        "month",
        {%- for column in groups %}
        {{ column }},
        {%- endfor %}
        count(*) as events,
        {%- for column in numbers %}
        sum({{ column }}) as {{ column }}_sum,
        min({{ column }}) as {{ column }}_min,
        max({{ column }}) as {{ column }}_max
        {{- "," if not loop.last }}
        {%- endfor %}
    from routed
    group by all
)

select
    -- a kind: all that share contract and meters, whatever their group values
    dense_rank() over (
        order by
            slice_no,
            unrouted_reference,
            is_unrouted_external,
            pinned_contract_id,
            event_name,
            fit,
            is_late
    )::integer as kind_no,
    *
from grouped
