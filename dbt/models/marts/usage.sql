{#- Of periods that take no more events, what they contained when they were rated last (R-45). -#}
{{ config(materialized='incremental', incremental_strategy='append') }}

select
    contract_id,
    customer_id,
    period_start,
    period_end,
    window_start,
    window_end,
    meter_code,
    dimensions,
    quantity,
    event_count
from {{ ref('int_labelled_usage') }}
union all
select
    contract_id,
    customer_id,
    period_start,
    period_end,
    window_start,
    window_end,
    meter_code,
    dimensions,
    quantity,
    event_count
from {{ source('closed', 'usage') }}
