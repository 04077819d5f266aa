{#- Exact numbers, as the engine speaks of them. A whole number has 38 digits: of 128 bits in DuckDB, which lets a few of 39 pass; a decimal
    without decimals in Spark, whose sums and products of decimals with decimals may lose places without a word. So whatever has to be
    exact is whole here, and becomes a quantity at the end. -#}

{% macro whole_type() -%} {{ return(adapter.dispatch('whole_type')()) }} {%- endmacro %}
{% macro duckdb__whole_type() -%} {{ return('hugeint') }} {%- endmacro %}
{% macro spark__whole_type() -%} {{ return('decimal(38, 0)') }} {%- endmacro %}

{#- Digits as a whole number; null where they are none, or too many. -#}
{% macro whole_of_text(text) -%} {{ return("try_cast(" ~ text ~ " as " ~ whole_type() ~ ")") }} {%- endmacro %}

{#- A whole number that is written down. -#}
{% macro whole_literal(digits) -%} {{ return("cast('" ~ digits ~ "' as " ~ whole_type() ~ ")") }} {%- endmacro %}

{#- a + b, a - b or a * b of whole numbers; null where it does not fit. -#}
{% macro tried(a, operator, b) -%} {{ return(adapter.dispatch('tried')(a, operator, b)) }} {%- endmacro %}
{% macro duckdb__tried(a, operator, b) -%} {{ return("try(" ~ a ~ " " ~ operator ~ " " ~ b ~ ")") }} {%- endmacro %}
{% macro spark__tried(a, operator, b) -%}
    {{ return({'+': 'try_add', '-': 'try_subtract', '*': 'try_multiply'}[operator] ~ "(" ~ a ~ ", " ~ b ~ ")") }}
{%- endmacro %}

{#- A whole number over another, cut towards zero. In Spark only up to 32 digits: beyond them it is null. -#}
{% macro quotient(a, b) -%} {{ return(adapter.dispatch('quotient')(a, b)) }} {%- endmacro %}
{% macro duckdb__quotient(a, b) -%} {{ return("((" ~ a ~ ") // (" ~ b ~ "))") }} {%- endmacro %}
{% macro spark__quotient(a, b) -%}
    {{ return("cast(try_divide((" ~ a ~ ") - (" ~ a ~ ") % (" ~ b ~ "), cast(" ~ b ~ " as decimal(38, 0))) as decimal(38, 0))") }}
{%- endmacro %}

{#- The billionths of a quantity, or of a sum of quantities, as a whole number. -#}
{% macro billionths_of(quantity) -%} {{ return(adapter.dispatch('billionths_of')(quantity)) }} {%- endmacro %}
{% macro duckdb__billionths_of(quantity) -%}
    {{ return("cast(replace(cast(cast(" ~ quantity ~ " as decimal(38, 9)) as varchar), '.', '') as hugeint)") }}
{%- endmacro %}
{% macro spark__billionths_of(quantity) -%}
    {{ return("cast(cast(" ~ quantity ~ " as decimal(38, 9)) * 1000000000 as decimal(38, 0))") }}
{%- endmacro %}

{#- The quantity of so many billionths. -#}
{% macro quantity_of(billionths) -%} {{ return(adapter.dispatch('quantity_of')(billionths)) }} {%- endmacro %}
{% macro duckdb__quantity_of(billionths) -%}
    {%- set rest = "cast((" ~ billionths ~ ") % 1000000000 as decimal(10, 0)) * cast(0.000000001 as decimal(9, 9))" -%}
    {{ return("(cast((" ~ billionths ~ ") // 1000000000 as decimal(38, 9)) + cast(" ~ rest ~ " as decimal(38, 9)))") }}
{%- endmacro %}
{% macro spark__quantity_of(billionths) -%}
    {{ return("cast(cast(" ~ billionths ~ " as decimal(28, 0)) * cast(0.000000001 as decimal(9, 9)) as decimal(38, 9))") }}
{%- endmacro %}

{#- 64-bit hash of a key; null has none. -#}
{% macro key_hash(key) -%} {{ adapter.dispatch('key_hash')(key) }} {%- endmacro %}
{% macro duckdb__key_hash(key) -%} case when {{ key }} is not null then hash({{ key }}) end {%- endmacro %}
{% macro spark__key_hash(key) -%} case when {{ key }} is not null then xxhash64({{ key }}) end {%- endmacro %}

{#- What is kept of the engine itself in what it built: its hashes are. -#}
{% macro engine_version() -%} {{ return(adapter.dispatch('engine_version')()) }} {%- endmacro %}
{% macro default__engine_version() -%} {{ return(run_query('select version()').rows[0][0] if execute else '') }} {%- endmacro %}

{#- A quantity over another where 12 decimals hold the quotient exactly; else null. In whole numbers, for no engine divides decimals exactly. -#}
{% macro divided_exactly(quantity, per) -%}
    {%- set trillionths = tried(billionths_of(quantity), '*', whole_literal('1000000000000')) -%}
    {%- set divisor = "nullif(" ~ billionths_of(per) ~ ", 0)" -%}
    case when {{ trillionths }} % {{ divisor }} = 0 then {{ trillionths_as_number(quotient(trillionths, divisor)) }} end
{%- endmacro %}

{#- The number of so many trillionths; null where it has no room. -#}
{% macro trillionths_as_number(trillionths) -%} {{ return(adapter.dispatch('trillionths_as_number')(trillionths)) }} {%- endmacro %}
{% macro duckdb__trillionths_as_number(trillionths) -%}
    {{ return("try(cast(cast(" ~ trillionths ~ " as decimal(38, 0)) * cast(0.000000000001 as decimal(12, 12)) as decimal(38, 12)))") }}
{%- endmacro %}
{% macro spark__trillionths_as_number(trillionths) -%}
    {{ return("try_cast(cast(" ~ trillionths ~ " as decimal(26, 0)) * cast(0.000000000001 as decimal(12, 12)) as decimal(38, 12))") }}
{%- endmacro %}

{#- The trillionths of a number of 12 decimals, as a whole number. -#}
{% macro trillionths_of(number) -%} {{ return(adapter.dispatch('trillionths_of')(number)) }} {%- endmacro %}
{% macro duckdb__trillionths_of(number) -%}
    {{ return("cast(replace(cast(cast(" ~ number ~ " as decimal(38, 12)) as varchar), '.', '') as hugeint)") }}
{%- endmacro %}
{% macro spark__trillionths_of(number) -%}
    {{ return("cast(cast(" ~ number ~ " as decimal(38, 12)) * 1000000000000 as decimal(38, 0))") }}
{%- endmacro %}

{#- Whether a cost of 12 decimals is another than price times quantity, rounded to these, halves away from zero. Null where the product has
    no room. -#}
{% macro differs_from_product(cost, price, quantity) -%}
    {%- set product = tried(trillionths_of(price), '*', trillionths_of(quantity)) -%}
    {%- set said = tried(trillionths_of(cost), '*', whole_literal('1000000000000')) -%}
    {%- set rest = "abs(" ~ tried(product, '-', said) ~ ")" -%}
    ({{ rest }} > 500000000000 or ({{ rest }} = 500000000000 and abs({{ said }}) < abs({{ product }})))
{%- endmacro %}
