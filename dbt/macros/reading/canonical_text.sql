{#- A property's canonical text (R-15) from its JSON text: the content of a string, true or false, a number by value in
    plain decimal notation without needless zeros (1.0 is 1, 1e3 is 1000, -0 is 0); null for null, and for a list (R-93). -#}
{% macro canonical_text(json) -%}
    case
        when left({{ json }}, 1) = '"' then {{ json_string_content(json) }}
        when {{ json }} = 'null' or left({{ json }}, 1) in ('[', '{') then null
        when {{ json }} in ('true', 'false') then {{ json }}
        when contains(lower({{ json }}), 'e') then {{ plain_decimal('lower(' ~ json ~ ')') }}
        else {{ without_needless_zeros(json) }}
    end
{%- endmacro %}

{#- 1.10 to 1.1, 1.0 to 1, -0.0 to 0; whole numbers stay. -#}
{% macro without_needless_zeros(number) -%}
    case
        when not contains({{ number }}, '.') then case when {{ number }} = '-0' then '0' else {{ number }} end
        when trim(trailing '0' from {{ number }}) in ('0.', '-0.') then '0'
        else trim(trailing '.' from trim(trailing '0' from {{ number }}))
    end
{%- endmacro %}

{#- 1.5e-7 to 0.00000015: the digits, with the point moved by the exponent; of 1.0e15 the last digit is no digit. -#}
{% macro plain_decimal(number) -%}
    {%- set sign = "case when left(" ~ number ~ ", 1) = '-' then '-' else '' end" -%}
    {%- set mantissa = "trim(leading '-' from split_part(" ~ number ~ ", 'e', 1))" -%}
    {%- set exponent = exponent_of(number) -%}
    {%- set digits = "trim(trailing '0' from replace(" ~ mantissa ~ ", '.', ''))" -%}
    {%- set whole_digits = "(length(split_part(" ~ mantissa ~ ", '.', 1)) + " ~ exponent ~ ")" -%}
    case
        when {{ whole_digits }} <= 0
            then {{ sign }} || '0.' || repeat('0', -{{ whole_digits }}) || {{ digits }}
        when {{ whole_digits }} >= length({{ digits }})
            then {{ sign }} || {{ digits }} || repeat('0', {{ whole_digits }} - length({{ digits }}))
        else {{ sign }} || left({{ digits }}, {{ whole_digits }}) || '.' || substr({{ digits }}, {{ whole_digits }} + 1)
    end
{%- endmacro %}

{#- The exponent of a number in lower case. One that points further than any event's digits reach is cut, so that nobody writes more than a million
    zeros for it. -#}
{% macro exponent_of(number) -%}
    {%- set text = "trim(leading '+' from split_part(" ~ number ~ ", 'e', 2))" -%}
    {%- set far = "case when left(" ~ text ~ ", 1) = '-' then -1000000 else 1000000 end" -%}
    {{ return("cast(greatest(least(coalesce(try_cast(" ~ text ~ " as bigint), " ~ far ~ "), 1000000), -1000000) as integer)") }}
{%- endmacro %}
