select
    contract_id,
    customer_id,
    currency,
    billing_frequency,
    start_date,
    end_date,
    billing_anchor,
    timezone,
    status,
    place,
    anchor_month,
    plan_code,
    base_fee,
    net_terms,
    minimum_spend,
    is_active
from {{ source('dimensions', 'contracts') }}
