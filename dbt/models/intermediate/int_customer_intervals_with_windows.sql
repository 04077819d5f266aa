with

intervals as (
    select *
    from {{ ref('int_customer_intervals') }}
),

windows as (
    select *
    from {{ ref('int_routed_windows') }}
)

select
    intervals.customer_interval_no,
    intervals.customer_interval_start,
    intervals.customer_interval_end,
    intervals.customer_id as routed_customer_id,
    windows.contract_id,
    windows.customer_id,
    windows.period_start,
    windows.period_end,
    windows.window_start,
    windows.window_end,
    windows.window_plan_code,
    windows.interval_start,
    windows.interval_end
from intervals
inner join windows
    on
        intervals.customer_id = windows.routed_customer_id
        and intervals.customer_interval_start >= windows.routed_from
        and intervals.customer_interval_start < windows.routed_to
