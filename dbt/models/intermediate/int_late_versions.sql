{#- Versions that neither count nor supersede (R-45): they landed too late for a closed period, or would take an event out of one.
    `is_kept_out`: the key stays as the closed period keeps it, whatever this version says. -#}

with

versions as (
    select
        versions.idempotency_key,
        versions.batch,
        versions.file,
        versions.position,
        versions.element,
        versions.tombstone,
        date_trunc('month', versions."timestamp")::date as "month",
        versions.event_name,
        (versions.received_at, versions.file, versions.position, versions.element, versions.batch) as place,
        closed.last_batch,
        coalesce(closed.is_late, false) as is_late
    from {{ source('raw', 'events') }} as versions
    left join {{ ref('int_closed_versions') }} as closed
        on
            versions.position = closed.position
            and versions.batch = closed.batch
            and versions.element = closed.element
            and versions.file = closed.file
    where
        {{ key_hash('versions.idempotency_key') }} in (
            select repeated.key_hash from {{ ref('int_repeated_keys') }} as repeated
        )
        and exists (select 1 from {{ ref('int_closed_versions') }})
),

-- the version that counted in the period's last re-rating: the last of those that it knew
kept as (
    select
        candidates.idempotency_key,
        candidates.last_batch,
        candidates.place
    from versions as candidates
    where
        candidates.last_batch is not null
        and not candidates.is_late
        and not candidates.tombstone
        and not exists (
            select 1
            from versions as others
            where
                others.idempotency_key = candidates.idempotency_key
                and others.batch <= candidates.last_batch
                and others.place > candidates.place
        )
),

kept_out as (
    select distinct
        versions.batch,
        versions.file,
        versions.position,
        versions.element,
        versions."month",
        versions.event_name
    from versions
    inner join kept
        on
            versions.idempotency_key = kept.idempotency_key
            and versions.batch > kept.last_batch
            and versions.place > kept.place
),

landed_late as (
    select
        events.batch,
        events.file,
        events.position,
        events.element,
        events."month",
        events.event_name
    from {{ ref('stg_events') }} as events
    inner join {{ ref('int_closed_versions') }} as closed
        on
            closed.is_late
            and events.position = closed.position
            and events.batch = closed.batch
            and events.element = closed.element
            and events.file = closed.file
    where
        not exists (
            select 1
            from kept_out
            where
                kept_out.position = events.position
                and kept_out.batch = events.batch
                and kept_out.element = events.element
                and kept_out.file = events.file
        )
)

select
    *,
    true as is_kept_out
from kept_out
union all
select
    *,
    false
from landed_late
