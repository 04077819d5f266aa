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
{% macro duckdb__text_to_quantity(text) -%}
    (
        case
            -- the cast of a text with an exponent neither checks its range nor takes all that fits
            when contains({{ text }}, 'e') or contains({{ text }}, 'E')
                then try_cast({{ duckdb__without_exponent(text) }} as decimal(24, 9))
            else try_cast({{ text }} as decimal(24, 9))
        end
    )::decimal(38, 9)
{%- endmacro %}

{#- 1.5e3 to 1500., +.25E-2 to 0.0025: its digits from the first that is no 0, with the point moved. Null where it is 1e15 or more;
    0 where it is less than a billionth's half whatever its digits. -#}
{% macro duckdb__without_exponent(text) -%}
    {%- set sign = "case when left(" ~ text ~ ", 1) = '-' then '-' else '' end" -%}
    {%- set mantissa = "ltrim(split_part(lower(" ~ text ~ "), 'e', 1), '+-')" -%}
    {%- set exponent_text = "ltrim(split_part(lower(" ~ text ~ "), 'e', 2), '+')" -%}
    {#- an exponent that no 64 bits hold moves the point further than any digits reach -#}
    {%- set far = "case when left(" ~ exponent_text ~ ", 1) = '-' then -1000000000 else 1000000000 end" -%}
    {%- set exponent = "greatest(least(coalesce(try_cast(" ~ exponent_text ~ " as bigint), " ~ far ~ "), 1000000000), -1000000000)" -%}
    {%- set whole = "split_part(" ~ mantissa ~ ", '.', 1)" -%}
    {%- set digits = "(" ~ whole ~ " || split_part(" ~ mantissa ~ ", '.', 2))" -%}
    {%- set significant = "ltrim(" ~ digits ~ ", '0')" -%}
    {#- digits before the point once it has moved; of 0.001 it is -2 -#}
    {%- set place -%}
        (length({{ whole }}) + {{ exponent }} - (length({{ digits }}) - length({{ significant }})))
    {%- endset -%}
    case
        when {{ significant }} = '' or {{ place }} < -9 then '0'
        when {{ place }} > 15 then null
        when {{ place }} <= 0 then {{ sign }} || '0.' || repeat('0', -{{ place }}) || {{ significant }}
        when {{ place }} >= length({{ significant }})
            then {{ sign }} || {{ significant }} || repeat('0', {{ place }} - length({{ significant }}))
        else {{ sign }} || left({{ significant }}, {{ place }}) || '.' || substr({{ significant }}, {{ place }} + 1)
    end
{%- endmacro %}

{#- A canonical text as a number to compare with limits of up to 12 decimals (R-92): what is finer goes up or down to the next of them,
    so that a comparison is as exact as the text. Null where it is no number; what no 26 digits before the point hold is taken for the
    largest number that they do. -#}
{% macro number_of_text(text, goes) -%} {{ return(adapter.dispatch('number_of_text')(text, goes)) }} {%- endmacro %}
{% macro duckdb__number_of_text(text, goes) -%}
    {%- set plain -%}
        (case when contains(lower({{ text }}), 'e') then {{ plain_decimal("lower(ltrim(" ~ text ~ ", '+'))") }} else {{ text }} end)
    {%- endset -%}
    {%- set cut = "try_cast(regexp_extract(" ~ plain ~ ", '^[+-]?[0-9]*([.][0-9]{0,12})?') as decimal(38, 12))" -%}
    {%- set is_finer = "regexp_matches(" ~ plain ~ ", '[.][0-9]{12}[0-9]*[1-9]')" -%}
    {%- set is_negative = "left(" ~ text ~ ", 1) = '-'" -%}
    {%- set sign = '' if goes == 'up' else 'not ' -%}
    {%- set found -%}
        case
            when not coalesce(regexp_full_match({{ text }}, {{ quoted(plain_number_pattern()) }}), false) then null
            when {{ cut }} is null
                then case when {{ is_negative }} then '-' else '' end || '99999999999999999999999999'
            when {{ is_finer }} and {{ sign }}(not {{ is_negative }})
                then ({{ cut }} {{ '+' if goes == 'up' else '-' }} 0.000000000001::decimal(12, 12))::varchar
            else {{ cut }}::varchar
        end
    {%- endset -%}
    {{ return('(' ~ found ~ ')::decimal(38, 12)') }}
{%- endmacro %}

{#- sum / count, rounded half away from zero to 9 decimals. DuckDB divides decimals as doubles, so this divides whole
    numbers: the digits of the sum, which are its billionths, fit 128 bits. -#}
{% macro exact_average(total, count) -%} {{ adapter.dispatch('exact_average')(total, count) }} {%- endmacro %}
{% macro duckdb__exact_average(total, count) -%}
    {%- set billionths = "replace((" ~ total ~ ")::decimal(38, 9)::varchar, '.', '')::hugeint" -%}
    {{ exact_ratio(billionths, count) }}
{%- endmacro %}

{#- Billionths over a whole number, as a quantity: halves away from zero (R-2). -#}
{% macro exact_ratio(billionths, divisor) -%} {{ adapter.dispatch('exact_ratio')(billionths, divisor) }} {%- endmacro %}
{% macro duckdb__exact_ratio(billionths, divisor) -%}
    {%- set rounded -%}
        (sign({{ billionths }}) * ((2 * abs({{ billionths }}) + {{ divisor }}) // (2 * {{ divisor }})))
    {%- endset -%}
    (
        ({{ rounded }} // 1000000000)::decimal(38, 9)
        + (({{ rounded }} % 1000000000)::decimal(10, 0) * 0.000000001::decimal(9, 9))::decimal(38, 9)
    )::decimal(38, 9)
{%- endmacro %}

{#- A quantity over another where 12 decimals hold the quotient exactly; else null. In whole numbers, for DuckDB divides decimals as doubles. -#}
{% macro divided_exactly(quantity, per) -%} {{ adapter.dispatch('divided_exactly')(quantity, per) }} {%- endmacro %}
{% macro duckdb__divided_exactly(quantity, per) -%}
    {%- set trillionths = "try(replace((" ~ quantity ~ ")::decimal(38, 9)::varchar, '.', '')::hugeint * 1000000000000::hugeint)" -%}
    {%- set divisor = "nullif(replace((" ~ per ~ ")::decimal(38, 9)::varchar, '.', '')::hugeint, 0)" -%}
    case
        when {{ trillionths }} % {{ divisor }} = 0
            then try((({{ trillionths }} // {{ divisor }})::decimal(38, 0) * 0.000000000001::decimal(12, 12))::decimal(38, 12))
    end
{%- endmacro %}

{#- Whether a cost of 12 decimals is another than price times quantity, rounded to these. Null where the product has no room. -#}
{% macro differs_from_product(cost, price, quantity) -%} {{ adapter.dispatch('differs_from_product')(cost, price, quantity) }} {%- endmacro %}
{% macro duckdb__differs_from_product(cost, price, quantity) -%}
    try({{ price }}::decimal(38, 12) * {{ quantity }}::decimal(38, 12))::decimal(38, 12) <> {{ cost }}
{%- endmacro %}
