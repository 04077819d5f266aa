{#- The one pass over all events: of each landing, what the books cannot tell apart is added up. Which versions count plays no part
    here: int_superseded_and_late_deltas takes off what does not. So a later run adds up new landings only, and a customer's months anew
    where the windows of its contracts have changed: rows along old routes stay, and are passed over (int_events_on_current_routes). -#}
{{ config(materialized='incremental', incremental_strategy='append', meta={'read_anew': true, 'routed': true}) }}
{%- set numbers = reading_columns('number') %}

with

{% if is_incremental() -%}
{%- set known_to = last_batch() -%}
-- months of which something was added up along other routes
rerouted_months as (
    select distinct
        held.customer_reference,
        held.is_external_reference,
        held.month
    from {{ this }} as held
    left join {{ ref('int_route_versions') }} as versions
        on
            {{ same_month_of_customer('held', 'versions') }}
    where not ({{ is_on_current_route('held', 'versions') }})
),

-- their landings that have no row along the routes of now; where routes go back to what they were, old rows count again
rerouted as (
    select
        held.customer_reference,
        held.is_external_reference,
        held.month,
        held.batch
    from {{ this }} as held
    inner join rerouted_months
        on
            {{ same_month_of_customer('held', 'rerouted_months') }}
    left join {{ ref('int_route_versions') }} as versions
        on
            {{ same_month_of_customer('held', 'versions') }}
    group by
        held.customer_reference,
        held.is_external_reference,
        held.month,
        held.batch
    having not bool_or({{ is_on_current_route('held', 'versions') }})
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
            and events.batch = rerouted.batch
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
