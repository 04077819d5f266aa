{#- Which interval of its customer an event falls in, and what has to be routed again when intervals change. -#}

{#- Whether an event with a `month` falls in a route's interval. The month makes the join one of equals; the interval then is looked for
    among a handful. -#}
{% macro on_route(events, routes) -%}
            {{ same_month_of_customer(events, routes) }}
            and {{ events }}.occurred_at >= {{ routes }}.starts_at
            and {{ events }}.occurred_at < {{ routes }}.ends_at
{%- endmacro %}

{#- Whether two rows are about the same month of the same customer, as events name it. -#}
{% macro same_month_of_customer(a, b) -%}
            {{ a }}.customer_reference = {{ b }}.customer_reference
            and {{ a }}.is_external_reference = {{ b }}.is_external_reference
            and {{ a }}.month = {{ b }}.month
{%- endmacro %}

{#- Whether an event or a group of events went the way of one that a closed period counted (int_closed_routes), in time for it. -#}
{% macro on_closed_route(events, routes) -%}
            {{ same_month_of_customer(events, routes) }}
            and {{ events }}.event_name = {{ routes }}.event_name
            and {{ events }}.pinned_contract_id is not distinct from {{ routes }}.pinned_contract_id
            and {{ events }}.batch > {{ routes }}.after_batch
            and {{ events }}.batch <= {{ routes }}.last_batch
{%- endmacro %}

{#- Whether a row of int_events_grouped_by_batch was added up along routes that are no longer those of its customer and month. -#}
{% macro is_rerouted(held) -%}
    {{ held }}.route_version is distinct from (
        select versions.route_version
        from {{ ref('int_route_versions') }} as versions
        where {{ same_month_of_customer(held, 'versions') }}
    )
{%- endmacro %}

{#- An incremental strategy of our own: rows along old routes go, the rows built meanwhile (new landings, and the same months along
    new routes) come. One transaction. -#}
{% macro get_incremental_replace_rerouted_sql(arguments) %}
    {%- set columns = arguments.dest_columns | map(attribute='quoted') | join(', ') %}
    delete from {{ arguments.target_relation }} as held
    where {{ is_rerouted('held') }};
    insert into {{ arguments.target_relation }} ({{ columns }})
    select {{ columns }}
    from {{ arguments.temp_relation }}
{% endmacro %}

{#- Whether an event lies in a closed period, of a contract that it may belong to. -#}
{% macro in_closed_period(events, periods, instant='occurred_at') -%}
            {{ events }}.{{ instant }} >= {{ periods }}.period_start
            and {{ events }}.{{ instant }} < {{ periods }}.period_end
            and coalesce({{ events }}.pinned_contract_id, {{ periods }}.contract_id) = {{ periods }}.contract_id
{%- endmacro %}

{#- Whether an event lies in a closed period of its customer, which has a row for each month that it lies in. -#}
{% macro of_closed_period(events, periods, instant='occurred_at') -%}
            {{ events }}.customer_reference = {{ periods }}.customer_reference
            and {{ events }}.is_external_reference = {{ periods }}.is_external_reference
            and {{ month_of(events ~ '.' ~ instant) }} = {{ periods }}.month
            and {{ in_closed_period(events, periods, instant) }}
{%- endmacro %}
