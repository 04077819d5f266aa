select
    customer_id,
    external_id,
    name
from {{ source('dimensions', 'customers') }}
