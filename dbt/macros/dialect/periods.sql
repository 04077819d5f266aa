{#- A month's first day as YYYY-MM. -#}
{% macro month_name(month) -%} {{ adapter.dispatch('month_name')(month) }} {%- endmacro %}
{% macro duckdb__month_name(month) -%} strftime({{ month }}, '%Y-%m') {%- endmacro %}

{#- First day of the UTC month of an instant. -#}
{% macro month_of(instant) -%} {{ adapter.dispatch('month_of')(instant) }} {%- endmacro %}
{% macro duckdb__month_of(instant) -%} date_trunc('month', {{ instant }})::date {%- endmacro %}

{#- First instant of the month after one. -#}
{% macro month_after(month) -%} {{ adapter.dispatch('month_after')(month) }} {%- endmacro %}
{% macro duckdb__month_after(month) -%} ({{ month }} + interval 1 month)::timestamp {%- endmacro %}
