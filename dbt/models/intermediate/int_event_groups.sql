{#- Events that count, added up by everything the books can tell apart; everything after reads these groups. -#}
{%- set numbers = slot_columns('number') -%}
{%- set groups = slot_columns('group') %}

with

counted as (
    select
        counted.*,
        {{ all_but(['shape'], 'shapes') }}
    from {{ ref('int_counted_groups') }} as counted
    inner join {{ ref('int_event_shapes') }} as shapes
        on counted.shape = shapes.shape
    where not counted.is_tombstone
),

routed as (
    select
        counted.*,
        routes.slice_no,
        case when routes.slice_no is null then counted.customer_reference end as unrouted_reference,
        case when routes.slice_no is null then counted.is_external_reference end as is_unrouted_external,
        closed.contract_id as closed_contract_id,
        closed.period_start as closed_period_start
    from counted
    left join {{ ref('int_event_routes') }} as routes
        on
            {{ same_month_of_customer('counted', 'routes') }}
            and counted.route_start = routes.starts_at
    left join {{ ref('int_closed_routes') }} as closed
        on
            {{ on_closed_route('counted', 'closed') }}
            and not counted.is_late
            and counted.route_start = closed.starts_at
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
        closed_contract_id,
        closed_period_start,
        month,
        {%- for column in groups %}
        {{ column }},
        {%- endfor %}
        cast(sum(events) as bigint) as events,
        {%- for column in numbers %}
        sum({{ column }}_sum) as {{ column }}_sum
        {{- "," if not loop.last }}
        {%- endfor %}
    from routed
    group by
        slice_no,
        unrouted_reference,
        is_unrouted_external,
        pinned_contract_id,
        event_name,
        fit,
        is_late,
        closed_contract_id,
        closed_period_start,
        {%- for column in groups %}
        {{ column }},
        {%- endfor %}
        month
    having sum(events) <> 0
)

select
    -- a kind: all that share contract and meters, whatever their group values
    cast(
        dense_rank() over (
            order by
                slice_no,
                unrouted_reference,
                is_unrouted_external,
                pinned_contract_id,
                event_name,
                fit,
                is_late,
                closed_contract_id,
                closed_period_start
        ) as integer
    ) as kind_no,
    *
from grouped
