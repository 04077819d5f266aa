{#- A canonical text as a number to compare with limits of up to 12 decimals (R-92), in units of the last of them: what is finer goes up or
    down to the next, so that a comparison is as exact as the text. Null where it is no number; what no 26 digits before the point hold is
    taken for the largest number that they do. -#}
{% macro number_of_text(text, goes) -%}
    {%- set in_plain -%}
        (case when contains(lower({{ text }}), 'e') then {{ plain_decimal("lower(trim(leading '+' from " ~ text ~ "))") }} else {{ text }} end)
    {%- endset -%}
    {%- set plain = name_of(in_plain, 'plain') -%}
    {%- set cut = first_found(plain, '^[+-]?[0-9]*([.][0-9]{0,12})?') -%}
    {%- set units = whole_of_text("split_part(" ~ cut ~ ", '.', 1) || rpad(split_part(" ~ cut ~ ", '.', 2), 12, '0')") -%}
    {%- set is_negative = "left(" ~ text ~ ", 1) = '-'" -%}
    {%- set largest = whole_literal('9' * 26 ~ '0' * 12) -%}
    {%- set found -%}
        case
            when coalesce({{ if_it_matches(text, plain_number_pattern()) }}, '') = '' then null
            when {{ units }} is null then case when {{ is_negative }} then -{{ largest }} else {{ largest }} end
            when {{ finds(plain, '[.][0-9]{12}[0-9]*[1-9]') }} and {{ 'not ' if goes == 'up' }}{{ is_negative }}
                then {{ units }} {{ '+' if goes == 'up' else '-' }} 1
            else {{ units }}
        end
    {%- endset -%}
    {{ return('(' ~ named(in_plain, 'plain', found) ~ ')') }}
{%- endmacro %}

{#- A limit of the books in the same units. -#}
{% macro limit_units(value) -%}
    {%- set parts = value.split('.') + [''] -%}
    {{ return(whole_literal(parts[0] ~ (parts[1] ~ '0' * 12)[:12])) }}
{%- endmacro %}
