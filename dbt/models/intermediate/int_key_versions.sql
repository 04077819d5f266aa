{#- The versions of keys that came more than once, as they were read, with the whole key: few, so that what is told of versions
    (which one counts, which are too late) is told of these alone. -#}
{{ config(materialized='incremental', incremental_strategy='append', meta={'read_anew': true}) }}
{%- set numbers = reading_columns('number') %}
{%- set known_to = last_batch() if is_incremental() else none %}

with

repeated as (
    select
        key_hash,
        batch
    from {{ ref('int_repeated_keys') }}
    where key_hash is not null
),

versions as (
    select *
    from {{ ref('stg_events') }}
    {%- if known_to is none %}
    where key_hash in (select repeated.key_hash from repeated)
    {%- else %}
    where
        batch > {{ known_to }}
        and key_hash in (select repeated.key_hash from repeated)
    union all
    -- versions that were the only one of their key so far
    select *
    from {{ ref('stg_events') }} as events
    where
        batch <= {{ known_to }}
        and key_hash in (select repeated.key_hash from repeated where repeated.batch > {{ known_to }})
        and not exists (
            select 1
            from {{ this }} as held
            where {{ same_version('events', 'held') }}
        )
    {%- endif %}
)

select
    landed.idempotency_key,
    versions.batch,
    versions.file,
    versions.position,
    versions.element,
    versions.received_at,
    versions.occurred_at,
    versions.customer_reference,
    versions.is_external_reference,
    versions.pinned_contract_id,
    versions.is_tombstone,
    {%- for column in numbers %}
    versions.{{ column }},
    {%- endfor %}
    versions.signature,
    versions.reading_version
from versions
inner join {{ source('raw', 'events') }} as landed
    on
        {{ same_version('versions', 'landed') }}
        -- says nothing new, but lets the engine pass over files of other days
        and versions.occurred_at = landed.timestamp
