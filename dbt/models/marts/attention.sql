select
    code,
    severity,
    subject,
    count,
    amount,
    currency,
    file,
    position,
    first_seen,
    sentence,
    acknowledged
from {{ source('rating', 'attention') }}
