{#- What each meter took or failed to take, by contract, period, month and event name; but for what closed periods counted that have a
    record of it (R-45). -#}
{%- set numbers = reading_columns('number') %}

with

judged as (
    select
        event_groups.*,
        dispositions.contract_id,
        dispositions.period_start,
        dispositions.disposition as event_disposition
    from {{ ref('int_event_groups') }} as event_groups
    inner join {{ ref('int_event_class_dispositions') }} as dispositions
        on event_groups.event_class_no = dispositions.event_class_no
    left join {{ source('schedule', 'closed_periods') }} as closed
        on
            dispositions.contract_id = closed.contract_id
            and dispositions.period_start = closed.period_start
            and dispositions.disposition = 'metered'
    where
        dispositions.contract_id is not null
        and dispositions.disposition <> 'too_late'
        and closed.contents_record is null
)

select
    judged.contract_id,
    judged.period_start,
    judged.month,
    judged.event_name,
    judged.event_disposition,
    taken.meter_code,
    taken.disposition,
    cast(sum(judged.events) as bigint) as events,
    -- the texts that `unique` counts have no sum; a quantity that is bad has none either
    case
        when taken.disposition = 'bad_quantity' or outcomes.aggregation = 'unique' then null
        when outcomes.aggregation = 'count' then cast(sum(judged.events) as decimal(38, 9))
        else cast(sum({{ in_column('outcomes.number_column_no', numbers, '_sum') }}) as decimal(38, 9))
    end as quantity
from judged
inner join {{ ref('int_event_classes_with_meters') }} as taken
    on
        judged.event_class_no = taken.event_class_no
        and judged.contract_id = taken.contract_id
inner join {{ ref('int_meter_outcomes') }} as outcomes
    on
        judged.event_name = outcomes.event_name
        and judged.meter_matches = outcomes.meter_matches
        and taken.meter_code = outcomes.meter_code
group by
    judged.contract_id,
    judged.period_start,
    judged.month,
    judged.event_name,
    judged.event_disposition,
    taken.meter_code,
    taken.disposition,
    outcomes.aggregation
