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
)

select
    customer_references.customer_reference,
    customer_references.is_external_reference,
    months."month",
    months.slice_start,
    months.slice_end,
    months.slice_no
from months
inner join {{ ref('int_customer_references') }} as customer_references
    on months.customer_id = customer_references.customer_id
