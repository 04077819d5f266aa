{#- Slices of a month of a customer in which events of one name go to a closed period, whatever the books say now (R-45): those that
    landed up to `last_batch` and were not unmatched then, but for those that a period which closed earlier has counted. -#}

with

months as (
    select
        routes.*,
        periods.period_end,
        periods.customer_id,
        periods.last_batch,
        {{ each_month_of('routes.starts_at', 'routes.ends_at') }} as month
    from {{ source('closed', 'routes') }} as routes
    inner join {{ source('schedule', 'closed_periods') }} as periods
        on
            routes.contract_id = periods.contract_id
            and routes.period_start = periods.period_start
)

select
    months.customer_reference,
    months.is_external_reference,
    months.month,
    months.pinned_contract_id,
    months.event_name,
    intervals.starts_at,
    intervals.ends_at,
    months.contract_id,
    months.customer_id,
    months.period_start,
    months.period_end,
    months.last_batch,
    coalesce(lag(months.last_batch) over earlier_closed, 0) as after_batch
from months
inner join {{ ref('int_event_routes') }} as intervals
    on
        {{ same_month_of_customer('months', 'intervals') }}
        and intervals.starts_at >= months.starts_at
        and intervals.starts_at < months.ends_at
window
    earlier_closed as (
        partition by
            months.customer_reference,
            months.is_external_reference,
            months.pinned_contract_id,
            months.event_name,
            intervals.starts_at
        order by
            months.last_batch,
            months.contract_id
    )
