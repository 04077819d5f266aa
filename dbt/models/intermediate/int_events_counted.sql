{#- Landed groups and their corrections side by side; added up, they are the events that count (R-11). -#}
{{ config(materialized='view') }}
{%- set numbers = reading_columns('number') %}

select
    batch,
    customer_reference,
    is_external_reference,
    month,
    route_start,
    pinned_contract_id,
    is_tombstone,
    signature,
    false as is_late,
    events,
    {%- for column in numbers %}
    {{ column }}_sum
    {{- "," if not loop.last }}
    {%- endfor %}
from {{ ref('int_events_on_current_routes') }}
union all
select
    batch,
    customer_reference,
    is_external_reference,
    month,
    route_start,
    pinned_contract_id,
    is_tombstone,
    signature,
    is_late,
    events,
    {%- for column in numbers %}
    {{ column }}_sum
    {{- "," if not loop.last }}
    {%- endfor %}
from {{ ref('int_superseded_and_late_deltas') }}
