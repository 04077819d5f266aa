-- who sends what nobody is billed for; R-13 rates it as soon as the books change so that it matches
select
    {{ month_name('event_groups.month') }} as period,
    event_groups.event_name,
    dispositions.disposition,
    coalesce(dispositions.unrouted_reference, intervals.customer_id) as customer_reference,
    coalesce(dispositions.is_unrouted_external, false) as is_external_reference,
    dispositions.pinned_contract_id,
    cast(sum(event_groups.events) as bigint) as events
from {{ ref('int_event_groups') }} as event_groups
inner join {{ ref('int_event_class_dispositions') }} as dispositions
    on event_groups.event_class_no = dispositions.event_class_no
left join {{ ref('int_customer_intervals') }} as intervals
    on dispositions.customer_interval_no = intervals.customer_interval_no
where dispositions.disposition <> 'metered'
group by
    period,
    event_groups.event_name,
    dispositions.disposition,
    customer_reference,
    is_external_reference,
    dispositions.pinned_contract_id
