{#- A property's quantity (R-2) from its JSON text: a number, or a string that is written like one; null where it is neither, or
    1e15 or more. JSON's own numbers need no look at their spelling; a cast alone would also take ' 5 ' and '1_000'. -#}
{% macro quantity(json) -%}
    case
        when left({{ json }}, 1) = '"'
            then {{ text_to_quantity(if_it_matches(json_string_content(json), plain_number_pattern())) }}
        when left({{ json }}, 1) <> '[' then {{ text_to_quantity(json) }}
    end
{%- endmacro %}

{% macro plain_number_pattern() -%} {{ return('[+-]?([0-9]+([.][0-9]*)?|[.][0-9]+)([eE][+-]?[0-9]+)?') }} {%- endmacro %}

{#- A text as a quantity: more than 9 decimals are rounded half away from zero; null where it is none, or 1e15 or more, which is
    the same as not fitting 24 digits. -#}
{% macro text_to_quantity(text) -%}
    {%- set written = name_of(text, 'written') -%}
    {%- set found -%}
        case
            -- the engines' casts of a text with an exponent differ, and take what fits no memory
            when contains({{ written }}, 'e') or contains({{ written }}, 'E')
                then try_cast({{ without_exponent(written) }} as decimal(24, 9))
            else try_cast({{ written }} as decimal(24, 9))
        end
    {%- endset -%}
    cast({{ named(text, 'written', found) }} as decimal(38, 9))
{%- endmacro %}

{#- 1.5e3 to 1500., +.25E-2 to 0.0025: its digits from the first that is no 0, with the point moved. Null where it is 1e15 or more;
    0 where it is less than a billionth's half whatever its digits. -#}
{% macro without_exponent(text) -%}
    {%- set sign = "case when left(" ~ text ~ ", 1) = '-' then '-' else '' end" -%}
    {%- set mantissa_of_text = "trim(leading '+-' from split_part(lower(" ~ text ~ "), 'e', 1))" -%}
    {%- set mantissa = name_of(mantissa_of_text, 'mantissa') -%}
    {%- set exponent = exponent_of("lower(" ~ text ~ ")") -%}
    {%- set whole = "split_part(" ~ mantissa ~ ", '.', 1)" -%}
    {%- set digits = "(" ~ whole ~ " || split_part(" ~ mantissa ~ ", '.', 2))" -%}
    {%- set significant_digits = "trim(leading '0' from " ~ digits ~ ")" -%}
    {#- digits before the point once it has moved; of 0.001 it is -2 -#}
    {%- set place_of_point -%}
        (length({{ whole }}) + {{ exponent }} - (length({{ digits }}) - length({{ significant_digits }})))
    {%- endset -%}
    {%- set significant = name_of(significant_digits, 'significant') -%}
    {%- set place = name_of(place_of_point, 'place') -%}
    {%- set found -%}
        case
            when {{ significant }} = '' or {{ place }} < -9 then '0'
            when {{ place }} > 15 then null
            when {{ place }} <= 0 then {{ sign }} || '0.' || repeat('0', cast(-{{ place }} as integer)) || {{ significant }}
            when {{ place }} >= length({{ significant }})
                then {{ sign }} || {{ significant }} || repeat('0', cast({{ place }} - length({{ significant }}) as integer))
            else {{ sign }} || left({{ significant }}, cast({{ place }} as integer)) || '.'
                || substr({{ significant }}, cast({{ place }} + 1 as integer))
        end
    {%- endset -%}
    {{ named(mantissa_of_text, 'mantissa', named(significant_digits, 'significant', named(place_of_point, 'place', found))) }}
{%- endmacro %}
