{#- What the active meters read of each event name, asked of the books when a model is compiled. A list of

        {event_name, numbers: [property], groups: [property], texts: [property],
         meters: [{meter_code, number_property, text_property, filters: [{property, operator, values}], …}]}

    ordered by name; event_name is none for every name that no meter mentions. A property's place in its list is
    its slot: `region` first in `groups` is the column group_1. -#}
{% macro event_readings() %}
    {%- set question = readings_as_json() -%}
    {%- if not execute -%} {{ return([]) }} {%- endif -%}
    {%- set rows = run_query(question) -%}
    {%- set readings = [] -%}
    {%- for row in rows.rows -%} {%- do readings.append(fromjson(row[0])) -%} {%- endfor -%}
    {{ return(readings) }}
{% endmacro %}

{% macro readings_as_json() -%} {{ return(adapter.dispatch('readings_as_json')()) }} {%- endmacro %}
{% macro duckdb__readings_as_json() -%}
    {%- set slots = "(select coalesce(list(property order by slot), []) from " ~ ref('stg_event_slots')
        ~ " as slots where slots.event_name is not distinct from names.event_name and kind = '%s')" -%}
    {%- set query -%}
        select
            to_json(
                {
                    event_name: names.event_name,
                    numbers: {{ slots | replace('%s', 'number') }},
                    groups: {{ slots | replace('%s', 'group') }},
                    texts: {{ slots | replace('%s', 'text') }},
                    meters: (
                        select coalesce(list(meters order by meter_no), [])
                        from {{ ref('stg_event_meters') }} as meters
                        where meters.event_name is not distinct from names.event_name
                    )
                }
            )::varchar as reading
        from {{ ref('stg_event_names') }} as names
        order by names.event_name nulls last
    {%- endset -%}
    {{ return(query) }}
{%- endmacro %}

{#- Names of the slot columns of a kind (number, group, text), as many as the busiest event name needs; of numbers and groups
    never none. -#}
{% macro slot_columns(kind, readings=none) %}
    {%- set columns = [] -%}
    {%- set counts = [0 if kind == 'text' else 1] -%}
    {%- for reading in (event_readings() if readings is none else readings) -%}
        {%- do counts.append(reading[kind ~ 's'] | length) -%}
    {%- endfor -%}
    {%- for slot in range(1, (counts | max) + 1) -%} {%- do columns.append(kind ~ '_' ~ slot) -%} {%- endfor -%}
    {{ return(columns) }}
{% endmacro %}

{#- Changes whenever events have to be read anew: the version of the reader itself, the engine, whose hashes are kept, and all that
    meters ask for. A number, since a text would be written beside every event. -#}
{% macro reading_version(readings) %}
    {{ return(local_md5('4 ' ~ engine_version() ~ ' ' ~ tojson(readings, sort_keys=True))[:15] | int(base=16)) }}
{% endmacro %}

{% macro engine_version() -%} {{ return(adapter.dispatch('engine_version')()) }} {%- endmacro %}
{% macro duckdb__engine_version() -%} {{ return(run_query('select version()').rows[0][0] if execute else '') }} {%- endmacro %}

{#- `case event_name when ... end` with one branch a reading; `branches` are SQL texts in the order of the readings. -#}
{% macro by_event_name(readings, branches, otherwise='null') -%}
    {%- set named = [] -%}
    {%- set fallback = [otherwise] -%}
    {%- for reading in readings -%}
        {%- if reading.event_name is none -%} {%- do fallback.append(branches[loop.index0]) -%}
        {%- else -%} {%- do named.append('when ' ~ quoted(reading.event_name) ~ ' then ' ~ branches[loop.index0]) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- if named -%}
        case event_name
            {{ named | join('\n            ') }}
            else {{ fallback | last }}
        end
    {%- else -%}
        {{ fallback | last }}
    {%- endif -%}
{%- endmacro %}
