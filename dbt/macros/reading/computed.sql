{#- What is worked out where an event is read (R-90 to R-97). A column's property is a name, or the text of steps: a JSON list whose last
    element is the value. Each distinct text is worked out once, a step a CTE, so that no step is computed twice. A number is two
    columns, its digits `<step>_m` and how many of them are decimals `<step>_s`; anything else is one, `<step>_t`, a JSON text. -#}

{% macro is_computed(property) -%} {{ return(property is not none and property.startswith('[{"op":')) }} {%- endmacro %}

{#- The names of properties, none where one is computed. -#}
{% macro plain(properties) -%}
    {%- set names = [] -%}
    {%- for property in properties -%} {%- do names.append(none if is_computed(property) else property) -%} {%- endfor -%}
    {{ return(names) }}
{%- endmacro %}

{#- Every computed property that meters read, once: {property, name, steps}; `name` begins the names of its columns. -#}
{% macro computed_properties(readings) -%}
    {%- set found = {} -%}
    {%- for reading in readings -%}
        {%- for property in reading.numbers + reading.groups if is_computed(property) and property not in found -%}
            {%- do found.update({
                property: {'property': property, 'name': 'computed_' ~ (found | length), 'steps': fromjson(property)}
            }) -%}
        {%- endfor -%}
    {%- endfor -%}
    {{ return(found.values() | list) }}
{%- endmacro %}

{#- The properties that the computed ones of a reading rest on. -#}
{% macro inputs_of(reading) -%}
    {%- set names = [] -%}
    {%- for property in reading.numbers + reading.groups if is_computed(property) -%}
        {%- for step in fromjson(property) if step.op in ('property', 'text') and step.name not in names -%}
            {%- do names.append(step.name) -%}
        {%- endfor -%}
    {%- endfor -%}
    {{ return(names) }}
{%- endmacro %}

{#- CTEs that take `opened`, whose json_texts hold inputs from `inputs_at` on, to `worked_out`, whose json_texts hold computed values in
    their columns. -#}
{% macro worked_out(readings, computed, numbers, texts, groups, inputs_at) -%}
step_inputs as (
    select
        *
        {%- for one in computed -%}
        {%- for step in one.steps if step.op in ('property', 'text') %},
        {{ input_text(readings, one.property, step.name, inputs_at) }} as {{ one.name }}_{{ one.steps.index(step) }}_t
        {%- endfor -%}
        {%- endfor %}
    from opened
),
-- numbers in plain notation, each looked at once
step_numbers as (
    select
        *
        {%- for one in computed -%}
        {%- for step in one.steps if step.op == 'property' -%}
        {%- set column = one.name ~ '_' ~ one.steps.index(step) %},
        {{ plain_number_of_json(column ~ '_t') }} as {{ column }}_p
        {%- endfor -%}
        {%- endfor %}
    from step_inputs
),
{% set last = namespace(name='step_numbers') -%}
{%- set longest = computed | map(attribute='steps') | map('length') | max -%}
{%- for place in range(longest) -%}
{%- set looked_up = [] %}
{%- for one in computed if place < one.steps | length and one.steps[place].op == 'prefixes' %}
{%- do looked_up.append(one) %}
prefixes_{{ one.name }} as (
    {{ longest_prefixes(last.name, one.name ~ '_' ~ one.steps[place].args[0] ~ '_t', one.steps[place].digest) }}
),
{% endfor %}
step_{{ place }} as (
    select
        {{ last.name }}.*
        {%- for one in computed if place < one.steps | length -%}
        {%- set step = one.steps[place] -%}
        {%- if step.op == 'prefixes' %},
        prefixes_{{ one.name }}.json_text as {{ one.name }}_{{ place }}_t
        {%- else -%}
        {%- for column, expression in step_columns(one.name, place, step) %},
        {{ expression }} as {{ one.name }}_{{ place }}_{{ column }}
        {%- endfor -%}
        {%- endif -%}
        {%- endfor %}
    from {{ last.name }}
    {%- for one in looked_up %}
    left join prefixes_{{ one.name }}
        on {{ last.name }}.{{ one.name }}_{{ one.steps[place].args[0] }}_t = prefixes_{{ one.name }}.looked_up
    {%- endfor %}
),
{% set last.name = 'step_' ~ place -%}
{%- endfor %}
{%- set opened_texts = [] -%}
{%- for place in range(1, inputs_at) -%} {%- do opened_texts.append(json_text_of(readings, computed, numbers, texts, place)) -%} {%- endfor %}
worked_out as (
    select
        {{ all_but(['json_texts']) }},
        {{ list_literal(opened_texts) }} as json_texts
    from {{ last.name }}
)
{%- endmacro %}

{#- The JSON text of an input, wherever the reading of an event's name has it. -#}
{% macro input_text(readings, property, name, inputs_at) -%}
    {%- set branches = [] -%}
    {%- for reading in readings -%}
        {%- set is_read = property in reading.numbers + reading.groups -%}
        {%- do branches.append(element('json_texts', inputs_of(reading).index(name) + inputs_at) if is_read else 'null') -%}
    {%- endfor -%}
    {{ return(by_event_name(readings, branches)) }}
{%- endmacro %}

{#- The JSON text of a column: what was opened, or what was computed where the reading of an event's name asks for that. -#}
{% macro json_text_of(readings, computed, numbers, texts, place) -%}
    {%- set opened = element('json_texts', place) -%}
    {%- set branches = [] -%}
    {%- set any = [] -%}
    {%- for reading in readings -%}
        {%- if place <= numbers | length -%} {%- set property = (reading.numbers + [none] * place)[place - 1] -%}
        {%- else -%}
            {%- set group = place - numbers | length - texts | length -%}
            {%- set property = (reading.groups + [none] * place)[group - 1] if group > 0 else none -%}
        {%- endif -%}
        {%- if is_computed(property) -%}
            {%- for one in computed if one.property == property -%}
                {%- do any.append(one) -%}
                {%- do branches.append(computed_text(one.name ~ '_' ~ (one.steps | length - 1), one.steps | last)) -%}
            {%- endfor -%}
        {%- else -%}
            {%- do branches.append(opened) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(by_event_name(readings, branches, opened) if any else opened) }}
{%- endmacro %}

{#- The columns of one step: pairs of a suffix and the SQL of it. -#}
{% macro step_columns(name, place, step) -%}
    {%- set args = [] -%}
    {%- for arg in step.args or [] -%} {%- do args.append(name ~ '_' ~ arg) -%} {%- endfor -%}
    {%- if step.op == 'text' -%} {{ return([]) }}
    {%- elif step.op == 'property' -%} {{ return(number_of_plain(name ~ '_' ~ place ~ '_p')) }}
    {%- elif step.op == 'number' -%} {{ return(number_literal(step.value)) }}
    {%- elif step.op == 'hours' -%} {{ return([('t', hours_text(step))]) }}
    {%- elif step.op == 'event_name' -%} {{ return([('t', json_string('event_name'))]) }}
    {%- elif step.op == 'bands' -%} {{ return([('t', band_text(args[0], step.bands))]) }}
    {%- else -%} {{ return(exact_step(step, args)) }}
    {%- endif -%}
{%- endmacro %}
