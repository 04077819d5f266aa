{#- sum / count, rounded half away from zero to 9 decimals. -#}
{% macro exact_average(total, count) -%} {{ exact_ratio(billionths_of(total), count) }} {%- endmacro %}

{#- Billionths over a whole number, as a quantity: halves away from zero (R-2). -#}
{% macro exact_ratio(billionths, divisor) -%}
    {%- set size = quotient("2 * abs(" ~ billionths ~ ") + " ~ divisor, "2 * (" ~ divisor ~ ")") -%}
    {{ quantity_of(with_sign_of(billionths, size)) }}
{%- endmacro %}

{#- ceil(n x p / 100), exactly: percentages have nine decimals. -#}
{% macro nearest_rank(n, percentile) -%}
    {%- set product = "cast(" ~ n ~ " as " ~ whole_type() ~ ") * " ~ billionths_of(percentile) -%}
    cast({{ quotient(product ~ " + 99999999999", '100000000000') }} as bigint)
{%- endmacro %}
