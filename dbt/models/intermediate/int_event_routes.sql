with

slices as (
    select distinct
        slice_no,
        customer_id,
        slice_start,
        slice_end
    from {{ ref('int_slice_windows') }}
),

months as (
    select
        *,
        {{ each_month_of('slice_start', 'slice_end') }} as "month"
    from slices
),

customer_references as (
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
)

select
    customer_references.customer_reference,
    customer_references.is_external_reference,
    months."month",
    months.slice_start,
    months.slice_end,
    months.slice_no
from months
inner join customer_references
    on months.customer_id = customer_references.customer_id
