select
    rate_card_code,
    entry_no,
    meter_code,
    effective_from,
    dimensions,
    unit_amount,
    tiers,
    place
from {{ source('dimensions', 'rate_cards') }}
