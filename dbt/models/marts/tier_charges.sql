select *
from {{ source('rating', 'tier_charges') }}
