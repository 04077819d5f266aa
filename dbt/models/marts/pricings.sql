select
    pricing_code,
    name,
    model,
    meter_code,
    rate_card_code,
    per,
    unit_amount,
    tiers,
    place
from {{ source('dimensions', 'pricings') }}
