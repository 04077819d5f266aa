select
    plan_code,
    name,
    currency,
    billing_frequency,
    status,
    is_self_serve,
    base_fee,
    net_terms,
    maximum_spend,
    is_in_advance,
    pricings,
    contracts
from {{ source('dimensions', 'plans') }}
