{#- Every landed event once, typed. This is the only place where an event's JSON is opened: a later run reads new landings only,
    unless the meters of the books ask for something else than they did. -#}
{{ config(materialized='incremental', incremental_strategy='append', meta={'read_anew': true}) }}
{%- set readings = event_readings() -%}
{%- set numbers = reading_columns('number', readings) -%}
{%- set texts = reading_columns('text', readings) -%}
{%- set groups = reading_columns('group', readings) -%}
{%- set first_group = numbers | length + texts | length + 1 -%}
{#- what is worked out of other properties (R-90 to R-97) has its inputs behind the columns -#}
{%- set computed = computed_properties(readings) -%}
{%- set inputs_at = first_group + groups | length -%}
{%- set opened = [] -%}
{%- set signatures = [] -%}
{%- for reading in readings -%}
    {#- numbers first, then texts, each kind as long as its columns: a column has one place whatever the event -#}
    {%- set names = plain(reading.numbers) + [none] * (numbers | length - reading.numbers | length)
        + reading.texts + [none] * (texts | length - reading.texts | length) + plain(reading.groups) -%}
    {%- if computed -%}
        {%- set names = names + [none] * (groups | length - reading.groups | length) + inputs_of(reading) -%}
    {%- endif -%}
    {%- do opened.append(property_texts('properties', names) if reading.numbers + reading.groups + reading.texts else 'null') -%}
    {%- do signatures.append(signature(reading, first_group)) -%}
{%- endfor %}

with

landed as (
    select
        batch,
        file,
        position,
        element,
        received_at,
        events.timestamp as occurred_at,
        event_name,
        customer_id,
        external_customer_id,
        contract_id,
        idempotency_key,
        tombstone,
        properties
    from {{ source('raw', 'events') }} as events
    {%- if is_incremental() %}
    where batch > {{ last_batch() }}
    {%- endif %}
),

opened as (
    select
        *,
        {{ by_event_name(readings, opened) }} as json_texts
    from landed
),

{% if computed -%}
{{ worked_out(readings, computed, numbers, texts, groups, inputs_at) }},

{% endif -%}
typed as (
    select
        *,
        {%- for column in numbers %}
        {{ quantity(element('json_texts', loop.index)) }} as {{ column }},
        {%- endfor %}
        {%- for column in texts %}
        {{ canonical_text(element('json_texts', loop.index + numbers | length)) }} as {{ column }},
        {%- endfor %}
        -- read only where a filter or a count of distinct values asks for them
        {%- for column in groups %}
        {{ canonical_text(element('json_texts', loop.index0 + first_group)) }} as {{ column }}
        {{- "," if not loop.last }}
        {%- endfor %}
    from {{ 'worked_out' if computed else 'opened' }}
)

select
    batch,
    file,
    position,
    element,
    received_at,
    occurred_at,
    coalesce(customer_id, external_customer_id) as customer_reference,
    customer_id is null as is_external_reference,
    contract_id as pinned_contract_id,
    tombstone as is_tombstone,
    {{ key_hash('idempotency_key') }} as key_hash,
    {%- for column in numbers + texts %}
    {{ column }},
    {%- endfor %}
    {{ by_event_name(readings, signatures, signature_without_meters()) }} as signature,
    {{ reading_version(readings) }} as reading_version
from typed
