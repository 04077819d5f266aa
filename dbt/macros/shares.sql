{#- Splitting an amount by weights so that the parts add up to it to the last minor unit. The only place where SQL rounds money:
    a part is the difference of two running shares, and the last running share is the amount itself. -#}

{#- A quantity as a whole number to weigh by: its billionths while they are few, whole units where there are very many. -#}
{% macro weight_of(quantity, total) -%}
    case
        when {{ total }} < 1000000000 then {{ billionths_of(quantity) }}
        else {{ quotient(billionths_of(quantity), '1000000000') }}
    end
{%- endmacro %}

{#- What of an amount falls to the weights up to here, in whole minor units (cut towards zero). -#}
{% macro running_share(amount, minor_digits, weight_to_here, total_weight) -%}
    {#- ten-thousandths of a minor unit, as MONEY keeps 4 decimals -#}
    {%- set step = "(case " ~ minor_digits ~ " when 0 then 10000 when 1 then 1000 when 2 then 100 when 3 then 10 else 1 end)" -%}
    {%- set units = quotient(ten_thousandths_of(amount), step) -%}
    cast(
        cast({{ quotient(units ~ " * " ~ weight_to_here, total_weight) }} * {{ step }} as decimal(38, 0)) * cast(0.0001 as decimal(4, 4))
        as decimal(38, 4)
    )
{%- endmacro %}

{#- Money as a whole number of its smallest part. -#}
{% macro ten_thousandths_of(money) -%} {{ return("cast(" ~ money ~ " * 10000 as " ~ whole_type() ~ ")") }} {%- endmacro %}

{#- What was paid for so much of a grant's money value: of rows with its price, amount and minor_digits. -#}
{% macro cost_of(balance) -%}
    {{ running_share('price', 'minor_digits', ten_thousandths_of(balance), ten_thousandths_of('amount')) }}
{%- endmacro %}
