{#- Microseconds since 1970 of an instant. -#}
{% macro microseconds(instant) -%} {{ adapter.dispatch('microseconds')(instant) }} {%- endmacro %}
{% macro duckdb__microseconds(instant) -%} epoch_us({{ instant }})::hugeint {%- endmacro %}

{#- The number of the interval of UTC time that an instant lies in; null where there are no intervals (R-100). -#}
{% macro interval_number(instant, seconds) -%} {{ adapter.dispatch('interval_number')(instant, seconds) }} {%- endmacro %}
{% macro duckdb__interval_number(instant, seconds) -%} (epoch_us({{ instant }}) // ({{ seconds }}::bigint * 1000000)) {%- endmacro %}

{#- ceil(n x p / 100), exactly: percentages have nine decimals. -#}
{% macro nearest_rank(n, percentile) -%} {{ adapter.dispatch('nearest_rank')(n, percentile) }} {%- endmacro %}
{% macro duckdb__nearest_rank(n, percentile) -%}
    (({{ n }}::hugeint * ({{ percentile }} * 1000000000)::hugeint + 99999999999) // 100000000000)::bigint
{%- endmacro %}
