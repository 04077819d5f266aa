-- which of the time zones that approved contracts lie in each of them has: hours of the day are read in all of them (R-94)
select
    contract_id,
    cast(dense_rank() over (order by timezone) as integer) as zone_no
from {{ source('books', 'contracts') }}
where status = 'approved'
