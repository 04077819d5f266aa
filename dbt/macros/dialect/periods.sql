{#- A month's first day as YYYY-MM. -#}
{% macro month_name(month) -%} {{ adapter.dispatch('month_name')(month) }} {%- endmacro %}
{% macro duckdb__month_name(month) -%} strftime({{ month }}, '%Y-%m') {%- endmacro %}
