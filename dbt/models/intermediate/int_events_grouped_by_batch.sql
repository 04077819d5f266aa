{#- The one pass over all events: of each landing, what the books cannot tell apart is added up. Which versions count plays no part
    here: int_superseded_and_late_deltas takes off what does not. So a later run adds up new landings only, and a customer's months anew
    where the windows of its contracts have changed. -#}
{{ config(materialized='incremental', incremental_strategy='replace_rerouted', meta={'read_anew': true}) }}
{%- set numbers = reading_columns('number') %}

with

{% if is_incremental() -%}
{%- set known_to = last_batch() -%}
rerouted as (
    select distinct
        customer_reference,
        is_external_reference,
        month
    from {{ this }} as held
    where {{ is_rerouted('held') }}
),

events as (
    select
        *,
        {{ month_of('occurred_at') }} as month
    from {{ ref('stg_events') }}
    where batch > {{ known_to }}
    union all
    select
        events.*,
        rerouted.month
    from {{ ref('stg_events') }} as events
    inner join rerouted
        on
            events.customer_reference = rerouted.customer_reference
            and events.is_external_reference = rerouted.is_external_reference
            and {{ month_of('events.occurred_at') }} = rerouted.month
    where events.batch <= {{ known_to }}
),
{%- else -%}
events as (
    select
        *,
        {{ month_of('occurred_at') }} as month
    from {{ ref('stg_events') }}
),
{%- endif %}

grouped as (
    select
        events.batch,
        events.customer_reference,
        events.is_external_reference,
        events.month,
        routes.starts_at as route_start,
        events.pinned_contract_id,
        events.is_tombstone,
        events.signature,
        count(*) as events,
        {%- for column in numbers %}
        sum(events.{{ column }}) as {{ column }}_sum
        {{- "," if not loop.last }}
        {%- endfor %}
    from events
    left join {{ ref('int_event_routes') }} as routes
        on {{ on_route('events', 'routes') }}
    group by
        events.batch,
        events.customer_reference,
        events.is_external_reference,
        events.month,
        routes.starts_at,
        events.pinned_contract_id,
        events.is_tombstone,
        events.signature
)

select
    grouped.*,
    versions.route_version,
    {{ reading_version(event_readings()) }} as reading_version
from grouped
left join {{ ref('int_route_versions') }} as versions
    on
        {{ same_month_of_customer('grouped', 'versions') }}
