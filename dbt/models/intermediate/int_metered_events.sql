{#- A view: every version that counts with each meter that takes it, for whoever asks about single events; nightly runs read none of it. -#}
{{ config(materialized='view') }}
{%- set readings = event_readings() -%}
{%- set numbers = slot_columns('number', readings) -%}
{%- set groups = slot_columns('group', readings) -%}
{%- set qualified = [] -%}
{%- for column in groups -%} {%- do qualified.append('events.' ~ column) -%} {%- endfor -%}
{%- set combination = picked(qualified, 'outcomes.group_slots', 'routes.routed_customer_id') -%}
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
    {{ in_slot('outcomes.number_slot', numbers, '') }} as number
from {{ ref('int_event_dispositions') }} as events
inner join {{ ref('int_kind_meters') }} as taken
    on
        events.kind_no = taken.kind_no
        and events.contract_id = taken.contract_id
inner join {{ ref('int_meter_outcomes') }} as outcomes
    on
        events.event_name = outcomes.event_name
        and events.fit = outcomes.fit
        and taken.meter_code = outcomes.meter_code
inner join {{ ref('int_kind_dispositions') }} as routes
    on events.kind_no = routes.kind_no
left join {{ ref('int_contract_zones') }} as zones
    on events.contract_id = zones.contract_id
where
    events.disposition = 'metered'
    and taken.disposition = 'metered'
