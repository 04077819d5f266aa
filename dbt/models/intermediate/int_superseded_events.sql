with

-- only here are whole keys compared, so two keys of one hash stay two keys
versions as (
    select
        *,
        row_number() over (
            partition by idempotency_key
            order by
                received_at desc,
                file desc,
                position desc,
                element desc,
                batch desc
        ) as version_from_last
    from {{ source('raw', 'events') }} as events
    where
        {{ key_hash('idempotency_key') }} in (select repeated.key_hash from {{ ref('int_repeated_keys') }} as repeated)
        and not exists (
            select 1
            from {{ ref('int_late_versions') }} as late
            where
                late.position = events.position
                and late.batch = events.batch
                and late.element = events.element
                and late.file = events.file
        )
)

select
    batch,
    file,
    position,
    element,
    date_trunc('month', "timestamp")::date as "month",
    event_name
from versions
where version_from_last > 1
