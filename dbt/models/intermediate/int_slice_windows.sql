with

slices as (
    select *
    from {{ ref('int_customer_slices') }}
),

windows as (
    select *
    from {{ ref('int_routed_windows') }}
)

select
    slices.slice_no,
    slices.slice_start,
    slices.slice_end,
    slices.customer_id as routed_customer_id,
    windows.contract_id,
    windows.customer_id,
    windows.period_start,
    windows.period_end,
    windows.window_start,
    windows.window_end,
    windows.window_plan_code,
    windows.interval_start,
    windows.interval_end
from slices
inner join windows
    on
        slices.customer_id = windows.routed_customer_id
        and slices.slice_start >= windows.routed_from
        and slices.slice_start < windows.routed_to
