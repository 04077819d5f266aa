with

slices as (
    select distinct
        slice_no,
        routed_customer_id as customer_id,
        slice_start,
        slice_end
    from {{ ref('int_slice_windows') }}
),

months as (
    select
        *,
        {{ each_month_of('slice_start', 'slice_end') }} as month
    from slices
)

select
    customer_references.customer_reference,
    customer_references.is_external_reference,
    months.month,
    -- cut at the month's ends: what happens to a slice in another month says nothing of this one
    greatest(months.slice_start, cast(months.month as timestamp)) as starts_at,
    least(months.slice_end, {{ month_after('months.month') }}) as ends_at,
    months.slice_no
from months
inner join {{ ref('int_customer_references') }} as customer_references
    on months.customer_id = customer_references.customer_id
