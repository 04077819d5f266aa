{#- Exact numbers and text, as the engine speaks of them. -#}

{#- 64-bit hash of a key; null has none. -#}
{% macro key_hash(key) -%} {{ adapter.dispatch('key_hash')(key) }} {%- endmacro %}
{% macro duckdb__key_hash(key) -%} case when {{ key }} is not null then hash({{ key }}) end {%- endmacro %}

{#- A hash of a list to tell two lists apart by. -#}
{% macro fingerprint(list) -%} {{ adapter.dispatch('fingerprint')(list) }} {%- endmacro %}
{% macro duckdb__fingerprint(list) -%} md5({{ list }}::varchar) {%- endmacro %}

{#- A text that wholly matches a pattern, else ''. -#}
{% macro if_it_matches(text, pattern) -%} {{ adapter.dispatch('if_it_matches')(text, pattern) }} {%- endmacro %}
{% macro duckdb__if_it_matches(text, pattern) -%} regexp_extract({{ text }}, '^({{ pattern }})$') {%- endmacro %}

{#- A text as a quantity: more than 9 decimals are rounded half away from zero; null where it is none, or 1e15 or more, which is
    the same as not fitting 24 digits. -#}
{% macro text_to_quantity(text) -%} {{ adapter.dispatch('text_to_quantity')(text) }} {%- endmacro %}
{% macro duckdb__text_to_quantity(text) -%} try_cast({{ text }} as decimal(24, 9))::decimal(38, 9) {%- endmacro %}

{#- sum / count, rounded half away from zero to 9 decimals. DuckDB divides decimals as doubles, so this divides whole
    numbers: the digits of the sum, which are its billionths, fit 128 bits. -#}
{% macro exact_average(total, count) -%} {{ adapter.dispatch('exact_average')(total, count) }} {%- endmacro %}
{% macro duckdb__exact_average(total, count) -%}
    {%- set billionths = "replace((" ~ total ~ ")::decimal(38, 9)::varchar, '.', '')::hugeint" -%}
    {%- set rounded -%}
        (sign({{ billionths }}) * ((2 * abs({{ billionths }}) + {{ count }}) // (2 * {{ count }})))
    {%- endset -%}
    (
        ({{ rounded }} // 1000000000)::decimal(38, 9)
        + (({{ rounded }} % 1000000000)::decimal(10, 0) * 0.000000001::decimal(9, 9))::decimal(38, 9)
    )::decimal(38, 9)
{%- endmacro %}
