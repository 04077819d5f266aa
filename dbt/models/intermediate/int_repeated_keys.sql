{#- Hashes shrink, keys decide: most keys are seen once, and 8 bytes tell so. A later run looks for the hashes of new landings
    among all, which reads one column of history. -#}
{{ config(materialized='incremental', incremental_strategy='append', meta={'read_anew': true}) }}
{%- set known_to = last_batch() if is_incremental() else 0 -%}
{%- set looked_to = newest_batch() %}

select
    key_hash,
    {{ looked_to }} as batch,
    {{ reading_version(event_readings()) }} as reading_version
from {{ ref('stg_events') }}
where
    key_hash is not null
    {%- if is_incremental() %}
    and key_hash in (select new.key_hash from {{ ref('stg_events') }} as new where new.batch > {{ known_to }})
    and key_hash not in (select known.key_hash from {{ this }} as known where known.key_hash is not null)
    {%- endif %}
group by key_hash
having count(*) > 1
union all
-- how far has been looked, also where nothing was found
select
    null,
    {{ looked_to }},
    {{ reading_version(event_readings()) }}
where {{ looked_to }} > {{ known_to }}
