{#- Overrides dbt's own: a model whose meta says `read_anew` starts over when what it holds was read for other meters, or
    holds landings that this run does not see. Nobody has to remember --full-refresh. -#}
{% macro should_full_refresh() %}
    {%- set asked_for = config.get('full_refresh') if config.get('full_refresh') is not none else flags.FULL_REFRESH -%}
    {{ return(asked_for or (config.get('meta', {}).get('read_anew', false) and staged_events_are_outdated())) }}
{% endmacro %}

{% macro staged_events_are_outdated() %}
    {%- if not execute or load_relation(this) is none -%} {{ return(false) }} {%- endif -%}
    {%- set question -%}
        select
            exists (select 1 from {{ this }} where reading_version <> {{ quoted(reading_version(event_readings())) }})
            or (select max(batch) from {{ this }}) > (select max(batch) from {{ source('raw', 'events') }})
    {%- endset -%}
    {{ return(run_query(question).rows[0][0] is sameas true) }}
{% endmacro %}

{#- Number of the last landing that is staged; 0 where none is. -#}
{% macro last_staged_batch() %}
    {{ return(run_query('select coalesce(max(batch), 0) from ' ~ this).rows[0][0] if execute else 0) }}
{% endmacro %}
