{#- Overrides dbt's own: a model whose meta says `read_anew` starts over when what it holds was read for other meters, or
    holds landings that this run does not see; one that is `routed` also when most of it lies along old routes. Nobody has to remember
    --full-refresh. -#}
{% macro should_full_refresh() %}
    {%- set asked_for = config.get('full_refresh') if config.get('full_refresh') is not none else flags.FULL_REFRESH -%}
    {%- set meta = config.get('meta', {}) -%}
    {{ return(asked_for or (meta.get('read_anew', false) and (is_outdated() or (meta.get('routed', false) and is_left_behind())))) }}
{% endmacro %}

{#- Whether most of a model that is there lies along old routes. -#}
{% macro is_left_behind() %}
    {{ return(execute and load_relation(this) is not none and is_mostly_rerouted()) }}
{% endmacro %}

{% macro is_outdated() %}
    {%- if not execute or load_relation(this) is none -%} {{ return(false) }} {%- endif -%}
    {#- an older version of this house has built it otherwise -#}
    {%- set types = {} -%}
    {%- for column in adapter.get_columns_in_relation(this) -%} {%- do types.update({column.name: column.dtype}) -%} {%- endfor -%}
    {%- if types.get('reading_version', '') | lower != 'bigint' -%} {{ return(true) }} {%- endif -%}
    {%- set version = reading_version(event_readings()) -%}
    {%- set question -%}
        select
            -- a model without a row may lack columns that it needs by now
            not exists (select 1 from {{ this }} where reading_version = {{ version }})
            or exists (select 1 from {{ this }} where reading_version <> {{ version }})
            or not exists (select 1 from {{ source('raw', 'events') }} where batch >= {{ last_batch() }})
    {%- endset -%}
    {{ return(run_query(question).rows[0][0] is sameas true) }}
{% endmacro %}

{#- Number of the last landing that this model holds; 0 where it holds none. A landing is added whole, by one transaction, so a
    model that was left behind by a run that died takes up what it lacks. -#}
{% macro last_batch() %}
    {{ return(run_query('select coalesce(max(batch), 0) from ' ~ this).rows[0][0] if execute else 0) }}
{% endmacro %}

{#- Number of the last landing that is staged; 0 where none is. -#}
{% macro newest_batch() %}
    {{ return(run_query('select coalesce(max(batch), 0) from ' ~ ref('stg_events')).rows[0][0] if execute else 0) }}
{% endmacro %}
