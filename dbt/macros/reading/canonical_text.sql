{#- A property's canonical text (R-15) from its JSON text: the content of a string, true or false, a number by value in
    plain decimal notation without needless zeros (1.0 is 1, 1e3 is 1000, -0 is 0); null for null, and for a list (R-93). -#}
{% macro canonical_text(json) -%}
    case
        when left({{ json }}, 1) = '"' then {{ json_string_content(json) }}
        when {{ json }} = 'null' or left({{ json }}, 1) in ('[', '{') then null
        when {{ json }} in ('true', 'false') then {{ json }}
        when contains({{ json }}, 'e') then {{ plain_decimal(json) }}
        else {{ without_needless_zeros(json) }}
    end
{%- endmacro %}

{#- 1.10 to 1.1, 1.0 to 1, -0.0 to 0; whole numbers stay. -#}
{% macro without_needless_zeros(number) -%}
    case
        when not contains({{ number }}, '.') then case when {{ number }} = '-0' then '0' else {{ number }} end
        when rtrim({{ number }}, '0') in ('0.', '-0.') then '0'
        else rtrim(rtrim({{ number }}, '0'), '.')
    end
{%- endmacro %}

{#- 1.5e-7 to 0.00000015: the digits, with the point moved by the exponent. The engine writes them without needless zeros. -#}
{% macro plain_decimal(number) -%}
    {%- set sign = "case when left(" ~ number ~ ", 1) = '-' then '-' else '' end" -%}
    {%- set mantissa = "ltrim(split_part(" ~ number ~ ", 'e', 1), '-')" -%}
    {%- set exponent = "split_part(" ~ number ~ ", 'e', 2)::integer" -%}
    {%- set digits = "replace(" ~ mantissa ~ ", '.', '')" -%}
    {%- set whole_digits = "(length(split_part(" ~ mantissa ~ ", '.', 1)) + " ~ exponent ~ ")" -%}
    case
        when {{ whole_digits }} <= 0
            then {{ sign }} || '0.' || repeat('0', -{{ whole_digits }}) || {{ digits }}
        when {{ whole_digits }} >= length({{ digits }})
            then {{ sign }} || {{ digits }} || repeat('0', {{ whole_digits }} - length({{ digits }}))
        else {{ sign }} || left({{ digits }}, {{ whole_digits }}) || '.' || substr({{ digits }}, {{ whole_digits }} + 1)
    end
{%- endmacro %}
