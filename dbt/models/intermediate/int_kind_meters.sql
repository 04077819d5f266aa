-- the plan of a sum or count meter is the one at the event's time, of any other meter the one at the period's start (R-12)
select
    contracts.kind_no,
    contracts.contract_id,
    outcomes.meter_code,
    outcomes.disposition
from {{ ref('int_kind_contracts') }} as contracts
inner join {{ ref('int_meter_outcomes') }} as outcomes
    on
        contracts.event_name = outcomes.event_name
        and contracts.fit = outcomes.fit
inner join {{ ref('int_plan_meters') }} as plan_meters
    on
        outcomes.meter_code = plan_meters.meter_code
        and case
            when outcomes.is_kept_per_window then contracts.window_plan_code
            else contracts.period_plan_code
        end = plan_meters.plan_code
