{#- A property's quantity (R-2) from its JSON text: a number, or a string that is written like one; null where it is neither, or
    1e15 or more. JSON's own numbers need no look at their spelling; a cast alone would also take ' 5 ' and '1_000'. -#}
{% macro quantity(json) -%}
    {{ bounded_quantity(
        "case when left(" ~ json ~ ", 1) = '\"' then "
        ~ "case when " ~ matches(json_string_content(json), '[+-]?([0-9]+(\\.[0-9]*)?|\\.[0-9]+)([eE][+-]?[0-9]+)?')
        ~ " then " ~ text_to_quantity(json_string_content(json)) ~ " end "
        ~ "else " ~ text_to_quantity(json) ~ " end"
    ) }}
{%- endmacro %}

{% macro bounded_quantity(number) -%}
    case when abs({{ number }}) < 1000000000000000 then {{ number }} end
{%- endmacro %}
