{#- A view: every version that counts with each meter that takes it, for whoever asks about single events; nightly runs read none of it. -#}
{{ config(materialized='view') }}
{%- set readings = event_readings() -%}
{%- set numbers = reading_columns('number', readings) -%}
{%- set groups = reading_columns('group', readings) -%}
{%- set qualified = [] -%}
{%- for column in groups -%} {%- do qualified.append('events.' ~ column) -%} {%- endfor -%}
{%- set combination = picked(qualified, 'outcomes.group_column_nos', 'routes.routed_customer_id') -%}
{%- if reads_zones_of_contracts(readings) -%} {%- set combination = of_contract(combination, 'zones.zone_no') -%} {%- endif %}

select
    events.batch,
    events.file,
    events.position,
    events.element,
    events.received_at,
    events.timestamp,
    events.event_name,
    events.contract_id,
    events.period_start,
    events.period_end,
    taken.meter_code,
    {{ dimensions_json('outcomes.group_keys', combination) }} as dimensions,
    {{ in_column('outcomes.number_column_no', numbers, '') }} as number
from {{ ref('int_event_dispositions') }} as events
inner join {{ ref('int_event_classes_with_meters') }} as taken
    on
        events.event_class_no = taken.event_class_no
        and events.contract_id = taken.contract_id
inner join {{ ref('int_meter_outcomes') }} as outcomes
    on
        events.event_name = outcomes.event_name
        and events.meter_matches = outcomes.meter_matches
        and taken.meter_code = outcomes.meter_code
inner join {{ ref('int_event_class_dispositions') }} as routes
    on events.event_class_no = routes.event_class_no
left join {{ ref('int_contract_zones') }} as zones
    on events.contract_id = zones.contract_id
where
    events.disposition = 'metered'
    and taken.disposition = 'metered'
