{#- A property's quantity (R-2) from its JSON text: a number, or a string that is written like one; null where it is neither, or
    1e15 or more. JSON's own numbers need no look at their spelling; a cast alone would also take ' 5 ' and '1_000'. -#}
{% macro quantity(json) -%}
    case
        when left({{ json }}, 1) = '"'
            then {{ text_to_quantity(if_it_matches(json_string_content(json), plain_number_pattern())) }}
        when left({{ json }}, 1) <> '[' then {{ text_to_quantity(json) }}
    end
{%- endmacro %}

{% macro plain_number_pattern() -%} {{ return('[+-]?([0-9]+(\\.[0-9]*)?|\\.[0-9]+)([eE][+-]?[0-9]+)?') }} {%- endmacro %}
