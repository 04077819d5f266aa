select *
from {{ source('rating', 'line_shares') }}
