{#- What int_events_grouped_by_batch has too much: versions that do not count, taken off again, and versions that landed too late for a closed
    period, moved to groups of their own. Columns add up with those of int_events_grouped_by_batch. -#}
{%- set numbers = reading_columns('number') -%}
{%- set read = ['batch', 'customer_reference', 'is_external_reference', 'occurred_at', 'pinned_contract_id', 'is_tombstone', 'signature'] + numbers %}

with

late as (
    select
        late.is_frozen_out,
        {%- for column in read %}
        events.{{ column }}
        {{- "," if not loop.last }}
        {%- endfor %}
    from {{ ref('stg_events') }} as events
    inner join {{ ref('int_late_versions') }} as late
        on {{ same_version('events', 'late') }}
    -- what is superseded is taken off below
    where
        not exists (
            select 1
            from {{ ref('int_superseded_events') }} as superseded
            where {{ same_version('superseded', 'late') }}
        )
),

superseded as (
    select
        {%- for column in read %}
        versions.{{ column }}
        {{- "," if not loop.last }}
        {%- endfor %}
    from {{ ref('int_key_versions') }} as versions
    inner join {{ ref('int_superseded_events') }} as superseded
        on {{ same_version('versions', 'superseded') }}
),

corrections as (
    select
        *,
        false as is_late,
        -1 as events
    from superseded
    union all
    select
        {{ all_but(['is_frozen_out']) }},
        false,
        -1
    from late
    union all
    select
        {{ all_but(['is_frozen_out']) }},
        true,
        1
    from late
    where not is_frozen_out
),

in_months as (
    select
        *,
        {{ month_of('occurred_at') }} as month
    from corrections
)

select
    corrections.batch,
    corrections.customer_reference,
    corrections.is_external_reference,
    corrections.month,
    routes.starts_at as route_start,
    corrections.pinned_contract_id,
    corrections.is_tombstone,
    corrections.signature,
    corrections.is_late,
    cast(sum(corrections.events) as bigint) as events,
    {%- for column in numbers %}
    -- not a product: Spark would keep six decimals of it
    sum(case when corrections.events < 0 then -corrections.{{ column }} else corrections.{{ column }} end) as {{ column }}_sum
    {{- "," if not loop.last }}
    {%- endfor %}
from in_months as corrections
left join {{ ref('int_event_routes') }} as routes
    on {{ on_route('corrections', 'routes') }}
group by
    corrections.batch,
    corrections.customer_reference,
    corrections.is_external_reference,
    corrections.month,
    routes.starts_at,
    corrections.pinned_contract_id,
    corrections.is_tombstone,
    corrections.signature,
    corrections.is_late
