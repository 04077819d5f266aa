-- who sends what nobody is billed for; R-13 rates it as soon as the books change so that it matches
select
    {{ month_name('event_groups.month') }} as period,
    event_groups.event_name,
    dispositions.disposition,
    coalesce(dispositions.unrouted_reference, slices.customer_id) as customer_reference,
    coalesce(dispositions.is_unrouted_external, false) as is_external_reference,
    dispositions.pinned_contract_id,
    cast(sum(event_groups.events) as bigint) as events
from {{ ref('int_event_groups') }} as event_groups
inner join {{ ref('int_kind_dispositions') }} as dispositions
    on event_groups.kind_no = dispositions.kind_no
left join {{ ref('int_customer_slices') }} as slices
    on dispositions.slice_no = slices.slice_no
where dispositions.disposition <> 'metered'
group by
    period,
    event_groups.event_name,
    dispositions.disposition,
    customer_reference,
    is_external_reference,
    dispositions.pinned_contract_id
