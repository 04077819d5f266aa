select
    plan_code,
    name,
    currency,
    billing_frequency,
    status,
    is_self_serve,
    pricings,
    contracts
from {{ source('dimensions', 'plans') }}
