-- without group_values: finance reads the combination as `dimensions`
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
    place
from {{ source('rating', 'invoice_lines') }}
