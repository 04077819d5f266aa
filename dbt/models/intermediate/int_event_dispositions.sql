{#- A view: nothing reads it for every event of a nightly run, but every event can be asked for. -#}
{{ config(materialized='view') }}
{%- set readings = event_readings() -%}
{%- set columns = reading_columns('number', readings) + reading_columns('group', readings) + reading_columns('text', readings) %}

with

versions as (
    select
        {{ all_but(['reading_version'], 'events') }},
        {{ all_but(['signature'], 'signatures') }},
        {{ month_of('events.occurred_at') }} as month,
        superseded.batch is not null as is_superseded,
        late.batch is not null as is_late,
        coalesce(late.is_frozen_out, false) as is_frozen_out
    from {{ ref('stg_events') }} as events
    inner join {{ ref('int_event_signatures') }} as signatures
        on events.signature = signatures.signature
    left join {{ ref('int_superseded_events') }} as superseded
        on {{ same_version('events', 'superseded') }}
    left join {{ ref('int_late_versions') }} as late
        on {{ same_version('events', 'late') }}
),

routed as (
    select
        versions.*,
        routes.customer_interval_no,
        closed.contract_id as closed_contract_id,
        closed.period_start as closed_period_start
    from versions
    left join {{ ref('int_event_routes') }} as routes
        on {{ on_route('versions', 'routes') }}
    left join {{ ref('int_closed_routes') }} as closed
        on
            {{ on_closed_route('versions', 'closed') }}
            and not versions.is_late
            and versions.occurred_at >= closed.starts_at
            and versions.occurred_at < closed.ends_at
)

select
    routed.batch,
    routed.file,
    routed.position,
    routed.element,
    routed.received_at,
    -- as the event has it: the shell reads this view between runs, also one that an older version has built
    routed.occurred_at as timestamp,
    routed.month,
    routed.event_name,
    routed.meter_matches,
    routed.property_names,
    event_classes.event_class_no,
    case
        when routed.is_superseded then 'superseded'
        when routed.is_frozen_out then 'too_late'
        when routed.is_tombstone then 'voided'
        else event_classes.disposition
    end as disposition,
    event_classes.contract_id,
    event_classes.customer_id,
    event_classes.period_start,
    event_classes.period_end,
    event_classes.window_start,
    event_classes.window_end,
    {%- for column in columns %}
    routed.{{ column }}
    {{- "," if not loop.last }}
    {%- endfor %}
from routed
left join {{ ref('int_event_class_dispositions') }} as event_classes
    on
        not routed.is_superseded
        and not routed.is_frozen_out
        and not routed.is_tombstone
        and routed.event_name = event_classes.event_name
        and routed.meter_matches = event_classes.meter_matches
        and routed.is_late = event_classes.is_late
        and routed.customer_interval_no is not distinct from event_classes.customer_interval_no
        and routed.closed_contract_id is not distinct from event_classes.closed_contract_id
        and routed.closed_period_start is not distinct from event_classes.closed_period_start
        and routed.pinned_contract_id is not distinct from event_classes.pinned_contract_id
        and (case when routed.customer_interval_no is null then routed.customer_reference end) is not distinct from event_classes.unrouted_reference
        and (case when routed.customer_interval_no is null then routed.is_external_reference end)
        is not distinct from event_classes.is_unrouted_external
