select
    proposal_id,
    opportunity,
    name,
    kind,
    state,
    customer_id,
    contract_id,
    amount,
    committed,
    currency,
    closed_on,
    open_points,
    has_drifted,
    approved_by,
    approved_at
from {{ source('dimensions', 'deals') }}
