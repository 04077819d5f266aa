select
    proposal_id,
    term,
    value,
    object,
    record,
    field,
    raw,
    set_by,
    because
from {{ source('dimensions', 'deal_terms') }}
