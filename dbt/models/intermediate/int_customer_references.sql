-- the names that events may call a customer by
select
    customer_id,
    customer_id as customer_reference,
    false as is_external_reference
from {{ source('books', 'customers') }}
union all
select
    customer_id,
    external_id,
    true
from {{ source('books', 'customers') }}
where external_id is not null
