select
    plan_code,
    name,
    currency,
    billing_frequency,
    status,
    pricings,
    contracts
from {{ source('dimensions', 'plans') }}
