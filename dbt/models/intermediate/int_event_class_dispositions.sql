with

event_classes as (
    select *
    from {{ ref('int_event_classes') }}
),

contracts as (
    select *
    from {{ ref('int_event_classes_with_contracts') }}
),

-- what a closed period counted stays there, whatever the books say now (R-45): nobody is asked who would take it
asked as (
    select contracts.*
    from contracts
    inner join event_classes
        on contracts.event_class_no = event_classes.event_class_no
    where event_classes.closed_contract_id is null
),

active as (
    select distinct event_class_no
    from asked
),

takers as (
    select
        meters.event_class_no,
        count(distinct meters.contract_id) as contracts,
        min(meters.contract_id) as contract_id,
        bool_or(meters.disposition = 'metered') as is_metered,
        -- a period that is issued for the first time takes all its events, however old
        bool_or(closed.contract_id is not null) as is_closed
    from {{ ref('int_event_classes_with_meters') }} as meters
    inner join asked
        on
            meters.event_class_no = asked.event_class_no
            and meters.contract_id = asked.contract_id
    left join {{ source('schedule', 'closed_periods') }} as closed
        on
            asked.contract_id = closed.contract_id
            and asked.period_start = closed.period_start
    group by meters.event_class_no
),

judged as (
    select
        event_classes.*,
        case
            when event_classes.closed_contract_id is not null then 'metered'
            when event_classes.customer_interval_no is null and known_references.customer_reference is null then 'unknown_customer'
            when active.event_class_no is null then 'no_active_contract'
            when takers.event_class_no is null then 'no_meter'
            when takers.contracts > 1 then 'ambiguous_contract'
            when takers.is_metered and event_classes.is_late and takers.is_closed then 'too_late'
            when takers.is_metered then 'metered'
            else 'bad_quantity'
        end as disposition,
        coalesce(event_classes.closed_contract_id, case when takers.contracts = 1 then takers.contract_id end) as contract_id
    from event_classes
    left join active
        on event_classes.event_class_no = active.event_class_no
    left join takers
        on event_classes.event_class_no = takers.event_class_no
    left join {{ ref('int_customer_references') }} as known_references
        on
            event_classes.unrouted_reference = known_references.customer_reference
            and event_classes.is_unrouted_external = known_references.is_external_reference
)

select
    judged.event_class_no,
    judged.customer_interval_no,
    judged.unrouted_reference,
    judged.is_unrouted_external,
    judged.pinned_contract_id,
    judged.event_name,
    judged.meter_matches,
    judged.is_late,
    judged.closed_contract_id,
    judged.closed_period_start,
    judged.disposition,
    judged.contract_id,
    coalesce(closed.customer_id, contracts.customer_id) as customer_id,
    contracts.routed_customer_id,
    coalesce(closed.period_start, contracts.period_start) as period_start,
    coalesce(closed.period_end, contracts.period_end) as period_end,
    contracts.window_start,
    contracts.window_end,
    contracts.interval_start,
    contracts.interval_end
from judged
left join contracts
    on
        judged.event_class_no = contracts.event_class_no
        and judged.contract_id = contracts.contract_id
left join {{ source('schedule', 'closed_periods') }} as closed
    on
        judged.closed_contract_id = closed.contract_id
        and judged.closed_period_start = closed.period_start
