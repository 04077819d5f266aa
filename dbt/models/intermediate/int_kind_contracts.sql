-- the contracts an event of a kind may belong to: those active in its slice, or of them the one it names or a closed period keeps it for
select
    kinds.kind_no,
    kinds.event_name,
    kinds.fit,
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
from {{ ref('int_event_kinds') }} as kinds
inner join {{ ref('int_slice_windows') }} as windows
    on
        kinds.slice_no = windows.slice_no
        and coalesce(kinds.closed_contract_id, kinds.pinned_contract_id, windows.contract_id) = windows.contract_id
