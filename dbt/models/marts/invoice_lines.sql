{#- without group_values: finance reads the combination as `dimensions` -#}
{{ config(materialized='incremental', incremental_strategy='append') }}

select
    invoice_id,
    line_no,
    kind,
    pricing_code,
    meter_code,
    dimensions,
    description,
    quantity,
    unit_rate,
    per,
    exact_amount,
    amount,
    credits_applied,
    rate_source,
    price_from,
    service_start,
    service_end,
    event_count,
    grant_id,
    place,
    list_rate,
    list_amount,
    pricing_name
from {{ source('rating', 'invoice_lines') }}
