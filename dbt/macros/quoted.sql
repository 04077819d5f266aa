{#- A text as an SQL literal, whatever it holds. -#}
{% macro quoted(text) -%}
    {{ return("'" ~ (text | replace("'", "''")) ~ "'") }}
{%- endmacro %}
