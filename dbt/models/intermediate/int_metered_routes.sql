{#- A view: which events go to which period, told by what they say of themselves; a run notes it of the periods that it rated (R-45).
    Events of one name that go to two contracts are told apart by their properties: of these the books of now decide. -#}
{{ config(materialized='view') }}

with

landed as (
    select distinct
        landed.customer_reference,
        landed.is_external_reference,
        landed.month,
        landed.route_start,
        landed.pinned_contract_id,
        signatures.event_name
    from {{ ref('int_events_on_current_routes') }} as landed
    inner join {{ ref('int_event_signatures') }} as signatures
        on landed.signature = signatures.signature
    where not landed.is_tombstone
),

metered as (
    select
        customer_interval_no,
        pinned_contract_id,
        event_name,
        min(contract_id) as contract_id,
        min(period_start) as period_start
    from {{ ref('int_event_class_dispositions') }}
    where
        disposition = 'metered'
        and customer_interval_no is not null
        and closed_contract_id is null
    group by
        customer_interval_no,
        pinned_contract_id,
        event_name
    having count(distinct contract_id) = 1
)

select
    metered.contract_id,
    metered.period_start,
    landed.customer_reference,
    landed.is_external_reference,
    landed.pinned_contract_id,
    landed.event_name,
    routes.starts_at,
    routes.ends_at
from landed
inner join {{ ref('int_event_routes') }} as routes
    on
        {{ same_month_of_customer('landed', 'routes') }}
        and landed.route_start = routes.starts_at
inner join metered
    on
        routes.customer_interval_no = metered.customer_interval_no
        and landed.event_name = metered.event_name
        and landed.pinned_contract_id is not distinct from metered.pinned_contract_id
