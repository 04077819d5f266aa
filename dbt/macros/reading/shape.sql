{#- What the meters see of an event but its numbers, customer and moment, as one JSON list: its name, its fit, the names of its
    properties where it lacks one that is read, and its group values as they came. Many events share a shape, so it is taken
    apart and made canonical once a shape (int_event_shapes), not once an event. `places` tells where in json_texts the group
    values are. -#}
{% macro shape(reading, first_place) -%}
    {%- set parts = [] -%}
    {%- for name in reading.groups -%}
        {%- do parts.append("coalesce(json_texts[" ~ (first_place + loop.index0) ~ "], 'null')") -%}
    {%- endfor -%}
    {%- set name = quoted('[' ~ tojson(reading.event_name)) if reading.event_name is not none
        else "'[' || " ~ json_string('event_name') -%}
    {{ return([name ~ ' || \',"\'', fit(reading), '\'",\'', lacking_names(reading, first_place)]
        | join(' || ') ~ (" || ',' || " if parts else '') ~ (parts | join(" || ',' || ")) ~ " || ']'") }}
{%- endmacro %}

{#- JSON list of the names of an event's properties where a number or a group key is missing, else JSON's null. -#}
{% macro lacking_names(reading, first_place) -%}
    {%- set lacking = [] -%}
    {%- for name in reading.numbers -%} {%- do lacking.append('number_' ~ loop.index ~ ' is null') -%} {%- endfor -%}
    {%- for name in reading.groups -%}
        {%- do lacking.append("coalesce(json_texts[" ~ (first_place + loop.index0) ~ "], 'null') = 'null'") -%}
    {%- endfor -%}
    {{ return("case when " ~ (lacking | join(' or ')) ~ " then " ~ property_names('properties') ~ " else 'null' end"
        if lacking else "'null'") }}
{%- endmacro %}
