{#- Events that count, added up by everything the books can tell apart; everything after reads these groups. -#}
{%- set numbers = reading_columns('number') -%}
{%- set groups = reading_columns('group') %}

with

counted as (
    select
        counted.*,
        {{ all_but(['signature'], 'signatures') }}
    from {{ ref('int_events_counted') }} as counted
    inner join {{ ref('int_event_signatures') }} as signatures
        on counted.signature = signatures.signature
    where not counted.is_tombstone
),

routed as (
    select
        counted.*,
        routes.customer_interval_no,
        case when routes.customer_interval_no is null then counted.customer_reference end as unrouted_reference,
        case when routes.customer_interval_no is null then counted.is_external_reference end as is_unrouted_external,
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
        customer_interval_no,
        unrouted_reference,
        is_unrouted_external,
        pinned_contract_id,
        event_name,
        meter_matches,
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
        customer_interval_no,
        unrouted_reference,
        is_unrouted_external,
        pinned_contract_id,
        event_name,
        meter_matches,
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
    -- a class: all that share contract and meters, whatever their group values
    cast(
        dense_rank() over (
            order by
                customer_interval_no nulls last,
                unrouted_reference nulls last,
                is_unrouted_external nulls last,
                pinned_contract_id nulls last,
                event_name,
                meter_matches,
                is_late,
                closed_contract_id nulls last,
                closed_period_start nulls last
        ) as integer
    ) as event_class_no,
    *
from grouped
