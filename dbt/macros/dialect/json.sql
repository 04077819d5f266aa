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
    cast(json_extract({{ properties }}, [{{ pointers | join(', ') }}]) as varchar[])
{%- endmacro %}
{#- by way of a map, since a path of Spark's cannot spell every name -#}
{% macro spark__property_texts(properties, names) -%}
    {%- set texts = [] -%}
    {%- for name in names -%}
        {%- do texts.append("to_json(opened[" ~ quoted(name) ~ "])" if name is not none else "cast(null as string)") -%}
    {%- endfor -%}
    {{ with_value("from_json(" ~ properties ~ ", 'map<string, variant>')", "opened", list_literal(texts)) }}
{%- endmacro %}

{#- The names of the properties, as JSON text; 'null' where there are no properties. -#}
{% macro property_names(properties) -%} {{ adapter.dispatch('property_names')(properties) }} {%- endmacro %}
{% macro duckdb__property_names(properties) -%} coalesce(cast(to_json(json_keys({{ properties }})) as varchar), 'null') {%- endmacro %}
{% macro spark__property_names(properties) -%} coalesce(to_json(json_object_keys({{ properties }})), 'null') {%- endmacro %}

{#- A text as JSON text. -#}
{% macro json_string(text) -%} {{ return(adapter.dispatch('json_string')(text)) }} {%- endmacro %}
{% macro duckdb__json_string(text) -%} {{ return("cast(to_json(" ~ text ~ ") as varchar)") }} {%- endmacro %}
{% macro spark__json_string(text) -%} {{ return("to_json(cast(" ~ text ~ " as variant))") }} {%- endmacro %}

{#- A list of texts as JSON text. -#}
{% macro json_of_list(list) -%} {{ return(adapter.dispatch('json_of_list')(list)) }} {%- endmacro %}
{% macro duckdb__json_of_list(list) -%} {{ return("cast(to_json(" ~ list ~ ") as varchar)") }} {%- endmacro %}
{% macro spark__json_of_list(list) -%} {{ return("to_json(" ~ list ~ ")") }} {%- endmacro %}

{#- The elements of a JSON list, each as JSON text: a list, of so many. -#}
{% macro json_elements(json, count) -%} {{ adapter.dispatch('json_elements')(json, count) }} {%- endmacro %}
{% macro duckdb__json_elements(json, count) -%}
    {%- set paths = [] -%}
    {%- for place in range(count) -%} {%- do paths.append("'$[" ~ place ~ "]'") -%} {%- endfor -%}
    cast(json_extract({{ json }}, [{{ paths | join(', ') }}]) as varchar[])
{%- endmacro %}
{% macro spark__json_elements(json, count) -%}
    {%- set texts = [] -%}
    {%- for place in range(count) -%} {%- do texts.append("to_json(get(opened, " ~ place ~ "))") -%} {%- endfor -%}
    {{ with_value("from_json(" ~ json ~ ", 'array<variant>')", "opened", list_literal(texts)) }}
{%- endmacro %}

{#- A JSON list of strings as a list of texts; null for JSON's null. -#}
{% macro json_string_list(json) -%} {{ adapter.dispatch('json_string_list')(json) }} {%- endmacro %}
{% macro duckdb__json_string_list(json) -%} from_json({{ json }}, '["VARCHAR"]') {%- endmacro %}
{% macro spark__json_string_list(json) -%} from_json({{ json }}, 'array<string>') {%- endmacro %}

{#- The content of a JSON string: quotes off, escapes undone where there are any. -#}
{% macro json_string_content(json) -%} {{ adapter.dispatch('json_string_content')(json) }} {%- endmacro %}
{% macro duckdb__json_string_content(json) -%}
    case
        when contains({{ json }}, '\') then json_extract_string({{ json }}, '$')
        else {{ json }}[2:-2]
    end
{%- endmacro %}
{% macro spark__json_string_content(json) -%}
    case
        when contains({{ json }}, '\\') then get(from_json('[' || {{ json }} || ']', 'array<string>'), 0)
        else substr({{ json }}, 2, length({{ json }}) - 2)
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
                {{ json_string('group_key') }} || ':' || coalesce({{ json_string(group_values ~ '[place]') }}, 'null')
        ),
        ','
    ) || '}'
{%- endmacro %}
{% macro spark__dimensions_json(group_keys, group_values) -%}
    '{' || array_join(
        transform(
            {{ group_keys }},
            (group_key, place) ->
                {{ json_string('group_key') }} || ':' || coalesce({{ json_string('get(' ~ group_values ~ ', place)') }}, 'null')
        ),
        ','
    ) || '}'
{%- endmacro %}
