select *
from {{ source('rating', 'invoices') }}
