{#- Versions that came too late for a closed period, or would take an event out of one (R-45). `is_frozen_out`: the key stays as the closed
    period keeps it, whatever this version says. `is_ranked`: the closed period counted no version of the key, so plain R-11 says which
    version counts; of all others none counts or supersedes. -#}

with

versions as (
    select
        versions.*,
        (versions.received_at, versions.file, versions.position, versions.element, versions.batch) as place,
        closed.last_batch,
        coalesce(closed.is_late, false) as is_late,
        coalesce(closed.was_unmatched, false) as was_unmatched
    from {{ ref('int_key_versions') }} as versions
    left join {{ ref('int_closed_versions') }} as closed
        on {{ same_version('versions', 'closed') }}
    where exists (select 1 from {{ ref('int_closed_versions') }})
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
        and not candidates.is_tombstone
        and not exists (
            select 1
            from versions as others
            where
                others.idempotency_key = candidates.idempotency_key
                and others.batch <= candidates.last_batch
                and others.place > candidates.place
        )
),

-- keys of which a closed period held a version that nobody was billed for
unbilled as (
    select distinct idempotency_key
    from versions
    where was_unmatched
),

ranked as (
    select
        versions.batch,
        versions.file,
        versions.position,
        versions.element
    from versions
    inner join unbilled
        on versions.idempotency_key = unbilled.idempotency_key
),

kept_out as (
    select distinct
        versions.batch,
        versions.file,
        versions.position,
        versions.element,
        {{ month_of('versions.occurred_at') }} as month,
        versions.signature
    from versions
    inner join kept
        on
            versions.idempotency_key = kept.idempotency_key
            and versions.batch > kept.last_batch
            and versions.place > kept.place
)

select
    batch,
    file,
    position,
    element,
    month,
    signature,
    true as is_frozen_out,
    false as is_ranked
from kept_out
union all
select
    closed.batch,
    closed.file,
    closed.position,
    closed.element,
    closed.month,
    closed.signature,
    false,
    exists (
        select 1
        from ranked
        where {{ same_version('ranked', 'closed') }}
    )
from {{ ref('int_closed_versions') }} as closed
where
    closed.is_late
    and not exists (
        select 1
        from kept_out
        where {{ same_version('kept_out', 'closed') }}
    )
