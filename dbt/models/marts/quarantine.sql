select
    file,
    position,
    raw,
    reason,
    received_at
from {{ source('raw', 'quarantine') }}
