{#- Lists, as the engine speaks of them. Models call the plain names; another engine adds its own `<engine>__` versions. -#}

{#- One row for each element of a list. -#}
{% macro each_of(list) -%} {{ adapter.dispatch('each_of')(list) }} {%- endmacro %}
{% macro duckdb__each_of(list) -%} unnest({{ list }}) {%- endmacro %}

{#- Whether a list holds a value; null where either is null. -#}
{% macro holds(list, value) -%} {{ adapter.dispatch('holds')(list, value) }} {%- endmacro %}
{% macro duckdb__holds(list, value) -%} list_contains({{ list }}, {{ value }}) {%- endmacro %}

{#- Aggregate: the list of all values, in the order given. -#}
{% macro list_of(value, order_by) -%} {{ adapter.dispatch('list_of')(value, order_by) }} {%- endmacro %}
{% macro duckdb__list_of(value, order_by) -%} list({{ value }} order by {{ order_by }}) {%- endmacro %}

{#- Place of a value in a list, from 1. -#}
{% macro place_in(list, value) -%} {{ adapter.dispatch('place_in')(list, value) }} {%- endmacro %}
{% macro duckdb__place_in(list, value) -%} list_position({{ list }}, {{ value }}) {%- endmacro %}

{#- The values that stand in the given columns, in the order of `places` (a list of numbers from 1). -#}
{% macro picked(columns, places, first) -%} {{ adapter.dispatch('picked')(columns, places, first) }} {%- endmacro %}
{% macro duckdb__picked(columns, places, first) -%}
    list_transform({{ places }}, lambda place: [{{ ([first] + columns) | join(', ') }}][place + 1])
{%- endmacro %}

{#- First days of the months that a half-open span of time touches: one row a month. -#}
{% macro each_month_of(start, stop) -%} {{ adapter.dispatch('each_month_of')(start, stop) }} {%- endmacro %}
{% macro duckdb__each_month_of(start, stop) -%}
    unnest(
        generate_series(
            date_trunc('month', {{ start }})::timestamp,
            {{ stop }} - interval 1 microsecond,
            interval 1 month
        )
    )::date
{%- endmacro %}

{#- The value on the row that comes last in an order: an aggregate. -#}
{% macro last_of(value, by) -%} {{ adapter.dispatch('last_of')(value, by) }} {%- endmacro %}
{% macro duckdb__last_of(value, by) -%} arg_max({{ value }}, {{ by }}) {%- endmacro %}
