-- meters match by the plan in force at the event's time (R-12, R-101)
select
    contracts.event_class_no,
    contracts.contract_id,
    outcomes.meter_code,
    outcomes.disposition
from {{ ref('int_event_classes_with_contracts') }} as contracts
inner join {{ ref('int_meter_outcomes') }} as outcomes
    on
        contracts.event_name = outcomes.event_name
        and contracts.meter_matches = outcomes.meter_matches
inner join {{ ref('int_plan_meters') }} as plan_meters
    on
        outcomes.meter_code = plan_meters.meter_code
        and contracts.window_plan_code = plan_meters.plan_code
