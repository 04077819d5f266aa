{#- Versions that lie in a period that takes no more events (R-45): those that landed too late for it, those that matched nobody when it
    was rated last, and of keys that came more than once all, to see which one the period keeps. -#}

with

routes as (
    select
        contract_id,
        customer_id
    from {{ source('schedule', 'closed_periods') }}
    union
    select
        contract_id,
        customer_id
    from {{ source('books', 'covered_customers') }}
),

closed_of_now as (
    select
        customer_references.customer_reference,
        customer_references.is_external_reference,
        periods.contract_id,
        periods.period_start,
        periods.period_end,
        periods.last_batch,
        periods.last_record,
        {{ each_month_of('periods.period_start', 'periods.period_end') }} as month
    from {{ source('schedule', 'closed_periods') }} as periods
    inner join routes
        on periods.contract_id = routes.contract_id
    inner join {{ ref('int_customer_references') }} as customer_references
        on routes.customer_id = customer_references.customer_id
),

-- and by what events called its customer when the period counted them
closed as (
    select *
    from closed_of_now
    union
    select
        closed_routes.customer_reference,
        closed_routes.is_external_reference,
        periods.contract_id,
        periods.period_start,
        periods.period_end,
        periods.last_batch,
        periods.last_record,
        closed_routes.month
    from {{ ref('int_closed_routes') }} as closed_routes
    inner join {{ source('schedule', 'closed_periods') }} as periods
        on
            closed_routes.contract_id = periods.contract_id
            and closed_routes.period_start = periods.period_start
),

-- landings that brought a customer events of a month after a period in it had closed; no other event can be too late
landed_later as (
    select distinct
        landed.batch,
        closed.*
    from {{ ref('int_events_grouped_by_batch') }} as landed
    inner join closed
        on
            {{ same_month_of_customer('landed', 'closed') }}
            and landed.batch > closed.last_batch
),

-- what the last record before a period closed says of the versions in it
noted as (
    select
        changes.batch,
        changes.file,
        changes.position,
        changes.element,
        closed.contract_id,
        closed.period_start,
        closed.last_batch,
        {{ last_of('changes.is_unmatched', 'changes.record_no') }} as is_unmatched
    from {{ source('schedule', 'unmatched_changes') }} as changes
    inner join closed
        on
            {{ of_closed_period('changes', 'closed', instant='timestamp') }}
            and changes.record_no <= closed.last_record
    group by
        changes.batch,
        changes.file,
        changes.position,
        changes.element,
        closed.contract_id,
        closed.period_start,
        closed.last_batch
),

found as (
    select
        events.batch,
        events.file,
        events.position,
        events.element,
        events.occurred_at,
        events.customer_reference,
        events.is_external_reference,
        events.pinned_contract_id,
        events.signature,
        noted.last_batch,
        true as was_unmatched
    from {{ ref('stg_events') }} as events
    inner join noted
        on {{ same_version('events', 'noted') }}
    where noted.is_unmatched
    union all
    select
        events.batch,
        events.file,
        events.position,
        events.element,
        events.occurred_at,
        events.customer_reference,
        events.is_external_reference,
        events.pinned_contract_id,
        events.signature,
        landed_later.last_batch,
        false
    from {{ ref('stg_events') }} as events
    inner join landed_later
        on
            events.batch = landed_later.batch
            and {{ of_closed_period('events', 'landed_later') }}
    union all
    select
        versions.batch,
        versions.file,
        versions.position,
        versions.element,
        versions.occurred_at,
        versions.customer_reference,
        versions.is_external_reference,
        versions.pinned_contract_id,
        versions.signature,
        closed.last_batch,
        false
    from {{ ref('int_key_versions') }} as versions
    inner join closed
        on
            {{ of_closed_period('versions', 'closed') }}
),

judged as (
    select
        batch,
        file,
        position,
        element,
        occurred_at,
        {{ month_of('occurred_at') }} as month,
        customer_reference,
        is_external_reference,
        pinned_contract_id,
        signature,
        max(last_batch) as last_batch,
        bool_or(was_unmatched) as was_unmatched
    from found
    group by
        batch,
        file,
        position,
        element,
        occurred_at,
        customer_reference,
        is_external_reference,
        pinned_contract_id,
        signature
),

named as (
    select
        judged.*,
        signatures.event_name
    from judged
    inner join {{ ref('int_event_signatures') }} as signatures
        on judged.signature = signatures.signature
),

-- what came too late for one closed period, or matched nobody there, another one may have counted
counted as (
    select distinct
        named.batch,
        named.file,
        named.position,
        named.element
    from named
    inner join {{ ref('int_closed_routes') }} as closed_routes
        on
            {{ on_closed_route('named', 'closed_routes') }}
            and named.occurred_at >= closed_routes.starts_at
            and named.occurred_at < closed_routes.ends_at
    left join noted
        on
            {{ same_version('named', 'noted') }}
            and closed_routes.contract_id = noted.contract_id
            and closed_routes.period_start = noted.period_start
    where not coalesce(noted.is_unmatched, false)
)

select
    judged.batch,
    judged.file,
    judged.position,
    judged.element,
    judged.month,
    judged.signature,
    judged.last_batch,
    counted.batch is null and (judged.batch > judged.last_batch or judged.was_unmatched) as is_late,
    counted.batch is null and judged.was_unmatched as was_unmatched
from judged
left join counted
    on {{ same_version('judged', 'counted') }}
