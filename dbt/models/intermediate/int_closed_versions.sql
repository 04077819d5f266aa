{#- Versions that lie in a period that takes no more events (R-45): those that landed too late for it, and of keys that came more
    than once all, to see which one the period keeps. -#}

with

closed as (
    select
        *,
        {{ each_month_of('period_start', 'period_end') }} as "month"
    from {{ source('schedule', 'closed_periods') }}
)

select
    events.batch,
    events.file,
    events.position,
    events.element,
    max(closed.last_batch) as last_batch,
    events.batch > max(closed.last_batch) as is_late
from {{ ref('stg_events') }} as events
inner join {{ ref('int_customer_references') }} as customer_references
    on
        events.customer_reference = customer_references.customer_reference
        and events.is_external_reference = customer_references.is_external_reference
inner join closed
    on
        customer_references.customer_id = closed.customer_id
        and events."month" = closed."month"
        and events."timestamp" >= closed.period_start
        and events."timestamp" < closed.period_end
        and coalesce(events.pinned_contract_id, closed.contract_id) = closed.contract_id
where
    events.batch > closed.last_batch
    or events.key_hash in (select repeated.key_hash from {{ ref('int_repeated_keys') }} as repeated)
group by
    events.batch,
    events.file,
    events.position,
    events.element
