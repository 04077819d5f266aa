select *
from {{ source('rating', 'credit_ledger') }}
