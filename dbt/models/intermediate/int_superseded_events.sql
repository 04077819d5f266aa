with

-- only here are whole keys compared, so two keys of one hash stay two keys
versions as (
    select
        *,
        row_number() over (
            partition by idempotency_key
            order by {{ last_version_first() }}
        ) as version_from_last
    from {{ ref('int_key_versions') }} as versions
    where
        not exists (
            select 1
            from {{ ref('int_late_versions') }} as late
            where {{ same_version('late', 'versions') }} and not late.is_ranked
        )
)

select
    batch,
    file,
    position,
    element,
    {{ month_of('occurred_at') }} as month,
    signature
from versions
where version_from_last > 1
