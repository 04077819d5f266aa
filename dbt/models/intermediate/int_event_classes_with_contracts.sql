-- the contracts an event of a class may belong to: those active in its interval, or of them the one it names or a closed period keeps it for
select
    event_classes.event_class_no,
    event_classes.event_name,
    event_classes.meter_matches,
    windows.contract_id,
    windows.customer_id,
    windows.routed_customer_id,
    windows.period_start,
    windows.period_end,
    windows.window_start,
    windows.window_end,
    windows.window_plan_code,
    windows.interval_start,
    windows.interval_end
from {{ ref('int_event_classes') }} as event_classes
inner join {{ ref('int_customer_intervals_with_windows') }} as windows
    on
        event_classes.customer_interval_no = windows.customer_interval_no
        and coalesce(event_classes.closed_contract_id, event_classes.pinned_contract_id, windows.contract_id) = windows.contract_id
