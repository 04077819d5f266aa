{#- A view: usage with its combination as finance reads it. -#}
{{ config(materialized='view') }}

select
    usage.contract_id,
    usage.customer_id,
    usage.period_start,
    usage.period_end,
    usage.window_start,
    usage.window_end,
    usage.meter_code,
    {{ dimensions_json('meters.group_keys', 'usage.group_values') }} as dimensions,
    usage.quantity,
    usage.event_count
from {{ ref('int_usage') }} as usage
inner join {{ source('books', 'meters') }} as meters
    on usage.meter_code = meters.meter_code
