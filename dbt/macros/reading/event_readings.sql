{#- What the active meters read of each event name, asked of the books when a model is compiled. A list of

        {event_name, numbers: [property], groups: [property], texts: [property],
         meters: [{meter_code, number_property, text_property, filters: [{property, operator, values}], …}]}

    ordered by name; event_name is none for every name that no meter mentions. A property's place in its list is
    its column: `region` first in `groups` is the column group_1. -#}
{% macro event_readings() %}
    {%- set question = what_is_read() -%}
    {%- if not execute -%} {{ return([]) }} {%- endif -%}
    {%- set found = {} -%}
    {%- set lists = {'number': 'numbers', 'group': 'groups', 'text': 'texts'} -%}
    {%- for row in run_query(question).rows -%}
        {#- texts come as JSON, for a table of dbt's takes a text like `null` for none -#}
        {%- set event_name = fromjson(row['event_name']) if row['event_name'] is not none else none -%}
        {%- set values = fromjson(row['json_values']) -%}
        {%- if row['part'] == 'name' -%}
            {%- do found.update({event_name: {'event_name': event_name, 'numbers': [], 'groups': [], 'texts': [], 'meters': []}}) -%}
        {%- elif row['part'] == 'meter' -%}
            {%- do found[event_name].meters.append(
                {'meter_code': values[0], 'number_property': values[1], 'text_property': values[2], 'filters': []}
            ) -%}
        {%- elif row['part'] == 'filter' -%}
            {%- do (found[event_name].meters | last).filters.append(
                {'property': values[0], 'operator': values[1], 'values': values[2:]}
            ) -%}
        {%- else -%}
            {%- do found[event_name][lists[row['part']]].append(values[0]) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(found.values() | list) }}
{% endmacro %}

{#- One row a name, column, meter and filter, those of a name together, a meter's filters behind it. -#}
{% macro what_is_read() -%}
    with parts as (
        select
            'name' as part,
            event_name,
            0 as part_no,
            0 as meter_no,
            -1 as filter_no,
            '[]' as json_values
        from {{ ref('stg_event_names') }}
        union all
        select
            kind,
            event_name,
            1,
            column_no,
            -1,
            {{ json_of_list(list_literal(['property'])) }}
        from {{ ref('stg_event_columns') }}
        union all
        select
            'meter',
            event_name,
            2,
            meter_no,
            -1,
            {{ json_of_list(list_literal(['meter_code', 'number_property', 'text_property'])) }}
        from {{ ref('stg_event_meters') }}
        union all
        select
            'filter',
            meters.event_name,
            2,
            meters.meter_no,
            filters.filter_no,
            {{ json_of_list(joined_lists(list_literal(['filters.property', 'filters.operator']), 'filters.values')) }}
        from {{ ref('stg_event_meters') }} as meters
        inner join {{ source('books', 'meter_filters') }} as filters
            on meters.meter_code = filters.meter_code
    )

    select
        part,
        {{ json_string('event_name') }} as event_name,
        json_values
    from parts
    order by
        parts.event_name nulls last,
        part_no,
        meter_no,
        filter_no,
        part
{%- endmacro %}

{#- Names of the columns of a kind (number, group, text), as many as the busiest event name needs; of numbers and groups
    never none. -#}
{% macro reading_columns(kind, readings=none) %}
    {%- set columns = [] -%}
    {%- set counts = [0 if kind == 'text' else 1] -%}
    {%- for reading in (event_readings() if readings is none else readings) -%}
        {%- do counts.append(reading[kind ~ 's'] | length) -%}
    {%- endfor -%}
    {%- for column_no in range(1, (counts | max) + 1) -%} {%- do columns.append(kind ~ '_' ~ column_no) -%} {%- endfor -%}
    {{ return(columns) }}
{% endmacro %}

{#- Changes whenever events have to be read anew: the version of the reader itself, the engine, whose hashes are kept, and all that
    meters ask for. A number, since a text would be written beside every event. -#}
{% macro reading_version(readings) %}
    {{ return(local_md5('6 ' ~ engine_version() ~ ' ' ~ tojson(readings, sort_keys=True))[:15] | int(base=16)) }}
{% endmacro %}

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
