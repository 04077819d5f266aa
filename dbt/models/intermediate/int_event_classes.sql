select distinct
    event_class_no,
    customer_interval_no,
    unrouted_reference,
    is_unrouted_external,
    pinned_contract_id,
    event_name,
    meter_matches,
    is_late,
    closed_contract_id,
    closed_period_start
from {{ ref('int_event_groups') }}
