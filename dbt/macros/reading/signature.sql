{#- What the meters see of an event but its numbers, customer and moment, as one JSON list: its name, how it matches meters, the names of its
    properties where it lacks one that is read, and its group values as they came. Many events share a signature, so it is taken
    apart and made canonical once a signature (int_event_signatures), not once an event. `first_group` is the place of the first group
    value in json_texts. -#}
{% macro signature(reading, first_group) -%}
    {%- set name = quoted(tojson(reading.event_name)) if reading.event_name is not none else json_string('event_name') -%}
    {#- letters need no escaping -#}
    {%- set letters = quoted('"') ~ " || " ~ meter_matches(reading) ~ " || " ~ quoted('"') -%}
    {%- set parts = [name, letters, lacking_names(reading, first_group)] -%}
    {%- for group in reading.groups -%}
        {%- do parts.append("coalesce(" ~ element('json_texts', first_group + loop.index0) ~ ", 'null')") -%}
    {%- endfor -%}
    {{ return(json_list(parts)) }}
{%- endmacro %}

{#- The signature of an event whose name no meter takes. -#}
{% macro signature_without_meters() -%} {{ return(json_list([json_string('event_name'), quoted('""'), quoted('null')])) }} {%- endmacro %}

{#- JSON list of the names of an event's properties where a number or a group key is missing, else JSON's null. -#}
{% macro lacking_names(reading, first_group) -%}
    {%- set lacking = [] -%}
    {%- for number in reading.numbers -%} {%- do lacking.append('number_' ~ loop.index ~ ' is null') -%} {%- endfor -%}
    {%- for group in reading.groups -%}
        {%- do lacking.append("coalesce(" ~ element('json_texts', first_group + loop.index0) ~ ", 'null') = 'null'") -%}
    {%- endfor -%}
    {%- if not lacking -%} {{ return(quoted('null')) }} {%- endif -%}
    {{ return("case when " ~ (lacking | join(' or ')) ~ " then " ~ property_names('properties') ~ " else 'null' end") }}
{%- endmacro %}

{#- JSON texts as one JSON list. -#}
{% macro json_list(parts) -%} {{ return("'[' || " ~ (parts | join(" || ',' || ")) ~ " || ']'") }} {%- endmacro %}
