select distinct
    kind_no,
    slice_no,
    unrouted_reference,
    is_unrouted_external,
    pinned_contract_id,
    event_name,
    fit,
    is_late,
    closed_contract_id,
    closed_period_start
from {{ ref('int_event_groups') }}
