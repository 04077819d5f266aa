{#- Instants and months, as the engine speaks of them. Instants are UTC without a zone in DuckDB; in Spark they have one, and the session's is UTC. -#}

{#- A month's first day, or any other instant in it, as YYYY-MM. -#}
{% macro month_name(month) -%} {{ adapter.dispatch('month_name')(month) }} {%- endmacro %}
{% macro duckdb__month_name(month) -%} strftime({{ month }}, '%Y-%m') {%- endmacro %}
{% macro spark__month_name(month) -%} date_format({{ month }}, 'yyyy-MM') {%- endmacro %}

{#- First day of the UTC month of an instant. -#}
{% macro month_of(instant) -%} {{ adapter.dispatch('month_of')(instant) }} {%- endmacro %}
{% macro default__month_of(instant) -%} cast(date_trunc('month', {{ instant }}) as date) {%- endmacro %}

{#- First instant of the month after one. -#}
{% macro month_after(month) -%} {{ adapter.dispatch('month_after')(month) }} {%- endmacro %}
{% macro default__month_after(month) -%} cast({{ month }} + interval 1 month as timestamp) {%- endmacro %}

{#- First days of the months that a half-open span of time touches: one row a month. -#}
{% macro each_month_of(start, stop) -%} {{ adapter.dispatch('each_month_of')(start, stop) }} {%- endmacro %}
{% macro duckdb__each_month_of(start, stop) -%}
    cast(
        unnest(
            generate_series(
                cast(date_trunc('month', {{ start }}) as timestamp),
                {{ stop }} - interval 1 microsecond,
                interval 1 month
            )
        ) as date
    )
{%- endmacro %}
{% macro spark__each_month_of(start, stop) -%}
    explode(
        sequence(
            cast(date_trunc('month', {{ start }}) as date),
            cast(date_trunc('month', {{ stop }} - interval 1 microsecond) as date),
            interval 1 month
        )
    )
{%- endmacro %}

{#- Microseconds since 1970 of an instant, as a whole number. -#}
{% macro microseconds(instant) -%} {{ return("cast(" ~ adapter.dispatch('microseconds_as_bigint')(instant) ~ " as " ~ whole_type() ~ ")") }} {%- endmacro %}
{% macro duckdb__microseconds_as_bigint(instant) -%} {{ return("epoch_us(" ~ instant ~ ")") }} {%- endmacro %}
{% macro spark__microseconds_as_bigint(instant) -%} {{ return("unix_micros(" ~ instant ~ ")") }} {%- endmacro %}

{#- The number of the interval of UTC time that an instant lies in; null where there are no intervals (R-100). -#}
{% macro interval_number(instant, seconds) -%} {{ adapter.dispatch('interval_number')(instant, seconds) }} {%- endmacro %}
{% macro duckdb__interval_number(instant, seconds) -%} (epoch_us({{ instant }}) // (cast({{ seconds }} as bigint) * 1000000)) {%- endmacro %}
{% macro spark__interval_number(instant, seconds) -%} (unix_micros({{ instant }}) div (cast({{ seconds }} as bigint) * 1000000)) {%- endmacro %}

{#- The clock of a zone at an instant. -#}
{% macro local_time(instant, zone) -%} {{ return(adapter.dispatch('local_time')(instant, zone)) }} {%- endmacro %}
{% macro duckdb__local_time(instant, zone) -%} {{ return("timezone(" ~ quoted(zone) ~ ", timezone('UTC', " ~ instant ~ "))") }} {%- endmacro %}
{% macro spark__local_time(instant, zone) -%} {{ return("from_utc_timestamp(" ~ instant ~ ", " ~ quoted(zone) ~ ")") }} {%- endmacro %}

{#- 1 on Mondays to 7 on Sundays. -#}
{% macro day_of_week(moment) -%} {{ return(adapter.dispatch('day_of_week')(moment)) }} {%- endmacro %}
{% macro duckdb__day_of_week(moment) -%} {{ return("isodow(" ~ moment ~ ")") }} {%- endmacro %}
{% macro spark__day_of_week(moment) -%} {{ return("(weekday(" ~ moment ~ ") + 1)") }} {%- endmacro %}
