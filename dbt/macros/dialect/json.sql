{#- JSON, as the engine speaks of it. Properties are flat objects, which landing has made sure of. -#}

{#- The texts of several properties by one parse: a list of JSON texts, null where a property is absent. -#}
{% macro property_texts(properties, names) -%} {{ adapter.dispatch('property_texts')(properties, names) }} {%- endmacro %}
{% macro duckdb__property_texts(properties, names) -%}
    {#- JSON pointers, not paths: in a pointer a quote, a dot, a `$` or a `*` is nothing but itself. A name of none is
        a place to be left empty: a flat object never has anything below a property. -#}
    {%- set pointers = [] -%}
    {%- for name in names -%}
        {%- do pointers.append(
            quoted('/' ~ (name | replace('~', '~0') | replace('/', '~1'))) if name is not none else quoted('/-/-')
        ) -%}
    {%- endfor -%}
    json_extract({{ properties }}, [{{ pointers | join(', ') }}])::varchar[]
{%- endmacro %}

{#- The names of the properties, as JSON text; 'null' where there are no properties. -#}
{% macro property_names(properties) -%} {{ adapter.dispatch('property_names')(properties) }} {%- endmacro %}
{% macro duckdb__property_names(properties) -%} coalesce(to_json(json_keys({{ properties }}))::varchar, 'null') {%- endmacro %}

{#- A text as JSON text. -#}
{% macro json_string(text) -%} {{ adapter.dispatch('json_string')(text) }} {%- endmacro %}
{% macro duckdb__json_string(text) -%} to_json({{ text }})::varchar {%- endmacro %}

{#- The elements of a JSON list, each as JSON text: a list, of so many. -#}
{% macro json_elements(json, count) -%} {{ adapter.dispatch('json_elements')(json, count) }} {%- endmacro %}
{% macro duckdb__json_elements(json, count) -%}
    {%- set paths = [] -%}
    {%- for place in range(count) -%} {%- do paths.append("'$[" ~ place ~ "]'") -%} {%- endfor -%}
    json_extract({{ json }}, [{{ paths | join(', ') }}])::varchar[]
{%- endmacro %}

{#- A JSON list of strings as a list of texts; null for JSON's null. -#}
{% macro json_string_list(json) -%} {{ adapter.dispatch('json_string_list')(json) }} {%- endmacro %}
{% macro duckdb__json_string_list(json) -%} from_json({{ json }}, '["VARCHAR"]') {%- endmacro %}

{#- The content of a JSON string: quotes off, escapes undone where there are any. -#}
{% macro json_string_content(json) -%} {{ adapter.dispatch('json_string_content')(json) }} {%- endmacro %}
{% macro duckdb__json_string_content(json) -%}
    case
        when contains({{ json }}, '\') then json_extract_string({{ json }}, '$')
        else {{ json }}[2:-2]
    end
{%- endmacro %}

{#- A combination of group values as JSON text, in group_keys order: {"region":"US","call_outcome":null}. -#}
{% macro dimensions_json(group_keys, group_values) -%}
    {{ adapter.dispatch('dimensions_json')(group_keys, group_values) }}
{%- endmacro %}
{% macro duckdb__dimensions_json(group_keys, group_values) -%}
    '{' || array_to_string(
        list_transform(
            {{ group_keys }},
            lambda group_key, place:
                to_json(group_key)::varchar || ':' || coalesce(to_json({{ group_values }}[place])::varchar, 'null')
        ),
        ','
    ) || '}'
{%- endmacro %}
