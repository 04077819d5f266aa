{#- A view: nothing reads it for every event of a nightly run, but every event can be asked for. -#}
{{ config(materialized='view') }}
{%- set readings = event_readings() -%}
{%- set slots = slot_columns('number', readings) + slot_columns('group', readings) + slot_columns('text', readings) %}

with

versions as (
    select
        {{ all_but(['reading_version'], 'events') }},
        {{ all_but(['shape'], 'shapes') }},
        {{ month_of('events.occurred_at') }} as month,
        superseded.batch is not null as is_superseded,
        late.batch is not null as is_late,
        coalesce(late.is_kept_out, false) as is_kept_out
    from {{ ref('stg_events') }} as events
    inner join {{ ref('int_event_shapes') }} as shapes
        on events.shape = shapes.shape
    left join {{ ref('int_superseded_events') }} as superseded
        on {{ same_version('events', 'superseded') }}
    left join {{ ref('int_late_versions') }} as late
        on {{ same_version('events', 'late') }}
),

routed as (
    select
        versions.*,
        routes.slice_no,
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
    routed.fit,
    routed.property_names,
    kinds.kind_no,
    case
        when routed.is_superseded then 'superseded'
        when routed.is_kept_out then 'too_late'
        when routed.is_tombstone then 'voided'
        else kinds.disposition
    end as disposition,
    kinds.contract_id,
    kinds.customer_id,
    kinds.period_start,
    kinds.period_end,
    kinds.window_start,
    kinds.window_end,
    {%- for column in slots %}
    routed.{{ column }}
    {{- "," if not loop.last }}
    {%- endfor %}
from routed
left join {{ ref('int_kind_dispositions') }} as kinds
    on
        not routed.is_superseded
        and not routed.is_kept_out
        and not routed.is_tombstone
        and routed.event_name = kinds.event_name
        and routed.fit = kinds.fit
        and routed.is_late = kinds.is_late
        and routed.slice_no is not distinct from kinds.slice_no
        and routed.closed_contract_id is not distinct from kinds.closed_contract_id
        and routed.closed_period_start is not distinct from kinds.closed_period_start
        and routed.pinned_contract_id is not distinct from kinds.pinned_contract_id
        and (case when routed.slice_no is null then routed.customer_reference end) is not distinct from kinds.unrouted_reference
        and (case when routed.slice_no is null then routed.is_external_reference end)
        is not distinct from kinds.is_unrouted_external
