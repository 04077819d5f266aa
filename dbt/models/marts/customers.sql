select
    customer_id,
    external_id,
    name,
    legal_name,
    billing_address,
    contacts
from {{ source('dimensions', 'customers') }}
