{#- Lists, as the engine speaks of them. Places count from 1. -#}

{#- A list of these values. -#}
{% macro list_literal(values) -%} {{ return(adapter.dispatch('list_literal')(values)) }} {%- endmacro %}
{% macro duckdb__list_literal(values) -%} {{ return("[" ~ (values | join(', ')) ~ "]") }} {%- endmacro %}
{% macro spark__list_literal(values) -%} {{ return("array(" ~ (values | join(', ')) ~ ")") }} {%- endmacro %}

{#- A list of nothing. -#}
{% macro empty_list(type) -%} {{ return(adapter.dispatch('empty_list')(type)) }} {%- endmacro %}
{% macro duckdb__empty_list(type) -%} {{ return("cast([] as " ~ type ~ "[])") }} {%- endmacro %}
{% macro spark__empty_list(type) -%} {{ return("cast(array() as array<" ~ type ~ ">)") }} {%- endmacro %}

{#- The element at a place; null where there is none. -#}
{% macro element(list, place) -%} {{ return(adapter.dispatch('element')(list, place)) }} {%- endmacro %}
{% macro duckdb__element(list, place) -%} {{ return(list ~ "[" ~ place ~ "]") }} {%- endmacro %}
{% macro spark__element(list, place) -%} {{ return("get(" ~ list ~ ", " ~ place ~ " - 1)") }} {%- endmacro %}

{#- A list with each element put through an expression, in which it goes by `name`. -#}
{% macro mapped(list, name, expression) -%} {{ return(adapter.dispatch('mapped')(list, name, expression)) }} {%- endmacro %}
{% macro duckdb__mapped(list, name, expression) -%} {{ return("list_transform(" ~ list ~ ", lambda " ~ name ~ ": " ~ expression ~ ")") }} {%- endmacro %}
{% macro spark__mapped(list, name, expression) -%} {{ return("transform(" ~ list ~ ", " ~ name ~ " -> " ~ expression ~ ")") }} {%- endmacro %}

{#- An expression in which a value goes by `name`, so that it is worked out once. -#}
{% macro with_value(value, name, expression) -%} {{ return(element(mapped(list_literal([value]), name, expression), 1)) }} {%- endmacro %}

{#- A list, then another. -#}
{% macro joined_lists(a, b) -%} {{ return(adapter.dispatch('joined_lists')(a, b)) }} {%- endmacro %}
{% macro duckdb__joined_lists(a, b) -%} {{ return("list_concat(" ~ a ~ ", " ~ b ~ ")") }} {%- endmacro %}
{% macro spark__joined_lists(a, b) -%} {{ return("concat(" ~ a ~ ", " ~ b ~ ")") }} {%- endmacro %}

{#- A name for a value that an expression says many times, and the expression under that name. DuckDB finds by itself what is said twice;
    Spark plans the whole tree. -#}
{% macro name_of(value, name) -%} {{ return(adapter.dispatch('name_of')(value, name)) }} {%- endmacro %}
{% macro duckdb__name_of(value, name) -%} {{ return(value) }} {%- endmacro %}
{% macro spark__name_of(value, name) -%} {{ return(name) }} {%- endmacro %}
{% macro named(value, name, expression) -%} {{ return(adapter.dispatch('named')(value, name, expression)) }} {%- endmacro %}
{% macro duckdb__named(value, name, expression) -%} {{ return(expression) }} {%- endmacro %}
{% macro spark__named(value, name, expression) -%} {{ return(with_value(value, name, expression)) }} {%- endmacro %}

{#- One row for each element of a list: stands by itself as a column. -#}
{% macro each_of(list) -%} {{ adapter.dispatch('each_of')(list) }} {%- endmacro %}
{% macro duckdb__each_of(list) -%} unnest({{ list }}) {%- endmacro %}
{% macro spark__each_of(list) -%} explode({{ list }}) {%- endmacro %}

{#- One row for each whole number from 1 on: stands by itself as a column. -#}
{% macro each_up_to(last) -%} {{ adapter.dispatch('each_up_to')(last) }} {%- endmacro %}
{% macro duckdb__each_up_to(last) -%} unnest(range(1, {{ last }} + 1)) {%- endmacro %}
{#- a sequence whose end comes before its start runs backwards -#}
{% macro spark__each_up_to(last) -%} explode(filter(sequence(0, {{ last }}), place -> place > 0)) {%- endmacro %}

{#- Whether a list holds a value; null where either is null. -#}
{% macro holds(list, value) -%} {{ adapter.dispatch('holds')(list, value) }} {%- endmacro %}
{% macro duckdb__holds(list, value) -%} list_contains({{ list }}, {{ value }}) {%- endmacro %}
{% macro spark__holds(list, value) -%} array_contains({{ list }}, {{ value }}) {%- endmacro %}

{#- Aggregate: the list of all values, in the order given. -#}
{% macro list_of(value, order_by) -%} {{ return(adapter.dispatch('list_of')(value, order_by)) }} {%- endmacro %}
{% macro duckdb__list_of(value, order_by) -%} {{ return("list(" ~ value ~ " order by " ~ order_by ~ ")") }} {%- endmacro %}
{% macro spark__list_of(value, order_by) -%}
    {{ return(mapped("array_sort(collect_list(struct(" ~ order_by ~ " as place, " ~ value ~ " as value)))", "one", "one.value")) }}
{%- endmacro %}

{#- Place of a value in a list. -#}
{% macro place_in(list, value) -%} {{ return(adapter.dispatch('place_in')(list, value)) }} {%- endmacro %}
{% macro duckdb__place_in(list, value) -%} {{ return("list_position(" ~ list ~ ", " ~ value ~ ")") }} {%- endmacro %}
{% macro spark__place_in(list, value) -%} {{ return("array_position(" ~ list ~ ", " ~ value ~ ")") }} {%- endmacro %}

{#- The values that stand in the given columns, in the order of `places` (a list of numbers; 0 is `first`). -#}
{% macro picked(columns, places, first) -%} {{ return(mapped(places, 'place', element(list_literal([first] + columns), 'place + 1'))) }} {%- endmacro %}

{#- A hash of a list to tell two lists apart by. -#}
{% macro fingerprint(list) -%} {{ adapter.dispatch('fingerprint')(list) }} {%- endmacro %}
{% macro default__fingerprint(list) -%} md5(cast({{ list }} as string)) {%- endmacro %}

{#- The value on the row that comes last in an order: an aggregate. -#}
{% macro last_of(value, by) -%} {{ adapter.dispatch('last_of')(value, by) }} {%- endmacro %}
{% macro default__last_of(value, by) -%} max_by({{ value }}, {{ by }}) {%- endmacro %}
