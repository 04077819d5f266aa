select
    meter_code,
    display_name,
    aggregation,
    aggregation_key,
    group_keys,
    event_names,
    status
from {{ source('dimensions', 'meters') }}
