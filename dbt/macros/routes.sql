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

{#- Whether a group of events was added up along the routes that its customer and month have now (`versions`, joined by month of customer;
    none where no contract is active). -#}
{% macro is_on_current_route(grouped, versions) -%}
    {{ grouped }}.route_version is not distinct from {{ versions }}.route_version
{%- endmacro %}

{#- Whether more rows of this model lie along old routes than along those of now: then adding all up again is no more work than leading
    so many events another way has been. That it holds any along old routes is told by its events, without a look at each row. -#}
{% macro is_mostly_rerouted() -%}
    {%- set events -%}
        select coalesce((select sum(held.events) from {{ this }} as held), 0) > (select count(*) from {{ ref('stg_events') }})
    {%- endset -%}
    {%- set rows -%}
        select 2 * count(case when {{ is_on_current_route('held', 'versions') }} then 1 end) < count(*)
        from {{ this }} as held
        left join {{ ref('int_route_versions') }} as versions
            on
                {{ same_month_of_customer('held', 'versions') }}
    {%- endset -%}
    {{ return(run_query(events).rows[0][0] is sameas true and run_query(rows).rows[0][0] is sameas true) }}
{%- endmacro %}

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
