{#- Every landed event once, typed. This is the only place where an event's JSON is opened: a later run reads new landings only,
    unless the meters of the books ask for something else than they did. -#}
{{ config(materialized='incremental', incremental_strategy='append', meta={'read_anew': true}) }}
{%- set readings = event_readings() -%}
{%- set numbers = slot_columns('number', readings) -%}
{%- set groups = slot_columns('group', readings) -%}
{%- set texts = slot_columns('text', readings) -%}
{%- set opened = [] -%}
{%- set fits = [] -%}
{%- set lacking = [] -%}
{%- for reading in readings -%}
    {#- numbers first, then groups, then texts, each kind as long as its columns: a slot has one place whatever the event -#}
    {%- set names = reading.numbers + [none] * (numbers | length - reading.numbers | length)
        + reading.groups + [none] * (groups | length - reading.groups | length) + reading.texts -%}
    {%- do opened.append(property_texts('properties', names) if reading.numbers + reading.groups + reading.texts else 'null') -%}
    {%- do fits.append(fit(reading)) -%}
    {%- set wanted = numbers[:reading.numbers | length] + groups[:reading.groups | length] -%}
    {%- do lacking.append('(' ~ (wanted | join(' is null or ')) ~ ' is null)' if wanted else 'false') -%}
{%- endfor %}

with

landed as (
    select *
    from {{ source('raw', 'events') }}
    {%- if is_incremental() %}
    where batch > {{ last_staged_batch() }}
    {%- endif %}
),

opened as (
    select
        *,
        {{ by_event_name(readings, opened) }} as json_texts
    from landed
),

typed as (
    select
        *,
        {%- for column in numbers %}
        {{ quantity('json_texts[' ~ loop.index ~ ']') }} as {{ column }},
        {%- endfor %}
        {%- for column in groups %}
        {{ canonical_text('json_texts[' ~ (loop.index + numbers | length) ~ ']') }} as {{ column }},
        {%- endfor %}
        {%- for column in texts %}
        {{ canonical_text('json_texts[' ~ (loop.index + numbers | length + groups | length) ~ ']') }} as {{ column }}
        {{- "," if not loop.last }}
        {%- endfor %}
    from opened
)

select
    batch,
    file,
    position,
    element,
    received_at,
    "timestamp",
    date_trunc('month', "timestamp")::date as "month",
    event_name,
    coalesce(customer_id, external_customer_id) as customer_reference,
    customer_id is null as is_external_reference,
    contract_id as pinned_contract_id,
    tombstone as is_tombstone,
    {{ key_hash('idempotency_key') }} as key_hash,
    {%- for column in numbers + groups + texts %}
    {{ column }},
    {%- endfor %}
    {{ by_event_name(readings, fits, "''") }} as fit,
    case when {{ by_event_name(readings, lacking, 'false') }} then {{ property_names('properties') }} end as property_names,
    {{ quoted(reading_version(readings)) }} as reading_version
from typed
