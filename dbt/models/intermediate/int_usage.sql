{#- What the kernel rates (R-16). Sums, counts and averages come from the groups, from which what no longer counts can be taken off;
    the other aggregations have to look at events again, and only at those of their own meters. Meters that are not additive are kept per
    plan interval (R-101): where they are, that is their window. -#}
{{ config(contract={'enforced': true}) }}
{%- set additive = "'sum', 'count', 'average'" -%}
{#- what one row of usage is of -#}
{%- set of_usage = 'contract_id, customer_id, period_start, period_end, window_start, window_end, meter_code, group_values' -%}
{%- set readings = event_readings() -%}
{%- set numbers = reading_columns('number', readings) -%}
{%- set groups = reading_columns('group', readings) -%}
{%- set texts = reading_columns('text', readings) -%}
{%- set combination = picked(groups, 'meters.group_column_nos', 'meters.routed_customer_id') -%}
{%- if reads_zones_of_contracts(readings) -%} {%- set combination = of_contract(combination, 'meters.zone_no') -%} {%- endif %}

with

dispositions as (
    select
        event_classes.*,
        closed.contents_record is not null as is_on_record
    from {{ ref('int_event_class_dispositions') }} as event_classes
    left join {{ source('schedule', 'closed_periods') }} as closed
        on
            event_classes.contract_id = closed.contract_id
            and event_classes.period_start = closed.period_start
    where event_classes.disposition = 'metered'
),

-- where a class's usage goes: one row a meter that takes it
meters as (
    select
        dispositions.event_class_no,
        dispositions.contract_id,
        dispositions.customer_id,
        dispositions.routed_customer_id,
        zones.zone_no,
        dispositions.period_start,
        dispositions.period_end,
        case when outcomes.is_kept_per_window then dispositions.window_start else dispositions.interval_start end as window_start,
        case when outcomes.is_kept_per_window then dispositions.window_end else dispositions.interval_end end as window_end,
        dispositions.is_on_record,
        outcomes.meter_code,
        outcomes.aggregation,
        outcomes.percentile,
        outcomes.interval_seconds,
        outcomes.from_zero,
        outcomes.group_column_nos,
        outcomes.number_column_no,
        outcomes.text_column
    from dispositions
    inner join {{ ref('int_event_classes_with_meters') }} as taken
        on
            dispositions.event_class_no = taken.event_class_no
            and dispositions.contract_id = taken.contract_id
    inner join {{ ref('int_meter_outcomes') }} as outcomes
        on
            dispositions.event_name = outcomes.event_name
            and dispositions.meter_matches = outcomes.meter_matches
            and taken.meter_code = outcomes.meter_code
    left join {{ ref('int_contract_zones') }} as zones
        on dispositions.contract_id = zones.contract_id
    where
        taken.disposition = 'metered'
        -- what a closed period contained is on record (R-45); readings go on from it
        and (not dispositions.is_on_record or outcomes.aggregation in ('level', 'counter'))
),

grouped as (
    select
        meters.*,
        {{ combination }} as group_values,
        event_groups.events,
        {{ in_column('meters.number_column_no', numbers, '_sum') }} as number_sum
    from {{ ref('int_event_groups') }} as event_groups
    inner join meters
        on event_groups.event_class_no = meters.event_class_no
    where meters.aggregation in ({{ additive }})
),

added_up as (
    select
        {{ of_usage }},
        case aggregation
            when 'sum' then cast(sum(number_sum) as decimal(38, 9))
            when 'count' then cast(sum(events) as decimal(38, 9))
            when 'average' then {{ exact_average('sum(number_sum)', 'sum(events)') }}
        end as quantity,
        sum(events) as event_count
    from grouped
    group by
        {{ of_usage }},
        aggregation
),

looked_at as (
    select
        meters.*,
        {{ combination }} as group_values,
        {{ in_column('meters.number_column_no', numbers, '') }} as number,
        case meters.text_column
            {%- for column in groups + texts %}
            when '{{ column }}' then events.{{ column }}
            {%- endfor %}
        end as text,
        events.timestamp as occurred_at,
        events.received_at,
        events.file,
        events.position,
        events.element,
        events.batch
    from {{ ref('int_event_dispositions') }} as events
    inner join meters
        on events.event_class_no = meters.event_class_no
    where
        meters.aggregation not in ({{ additive }})
        -- where no such meter exists no event is routed again
        and events.event_name in (
            select outcomes.event_name
            from {{ ref('int_meter_outcomes') }} as outcomes
            where outcomes.aggregation not in ({{ additive }})
        )
),

in_order as (
    select
        *,
        row_number() over (
            partition by
                contract_id,
                window_start,
                meter_code,
                group_values
            order by
                occurred_at desc,
                {{ last_version_first() }}
        ) as place_from_last
    from looked_at
    where aggregation not in ('level', 'counter')
),

picked_out as (
    select
        {{ of_usage }},
        case aggregation
            when 'unique' then cast(count(distinct text) as decimal(38, 9))
            when 'latest' then max(case when place_from_last = 1 then number end)
            when 'min' then min(number)
            when 'max' then max(number)
        end as quantity,
        count(*) as event_count
    from in_order
    where aggregation <> 'percentile'
    group by
        {{ of_usage }},
        aggregation
),

-- R-100: what a percentile looks at: single readings, or sums of readings per interval of UTC time
readings as (
    select
        {{ of_usage }},
        percentile,
        interval_seconds,
        cast(sum(number) as decimal(38, 9)) as number,
        count(*) as events
    from in_order
    where aggregation = 'percentile'
    group by
        {{ of_usage }},
        percentile,
        interval_seconds,
        {{ interval_number('occurred_at', 'interval_seconds') }},
        case when interval_seconds is null then place_from_last end
),

ascending as (
    select
        *,
        row_number() over same_combination as place,
        count(*) over all_of_it as given,
        count(*) filter (where number < 0) over all_of_it as negative,
        sum(events) over all_of_it as event_count,
        -- intervals without events count as nothing
        coalesce(
            {{ interval_number('window_end - interval 1 microsecond', 'interval_seconds') }}
            - {{ interval_number('window_start', 'interval_seconds') }} + 1,
            count(*) over all_of_it
        ) as expected
    from readings
    window
        all_of_it as (partition by contract_id, window_start, meter_code, group_values),
        same_combination as (partition by contract_id, window_start, meter_code, group_values order by number)
),

-- the nearest rank: place ceil(n x p / 100) of n
with_rank as (
    select
        *,
        {{ nearest_rank('expected', 'percentile') }} as rank_of_all
    from ascending
),

percentiles as (
    select
        {{ of_usage }},
        cast(
            coalesce(
                max(
                    case
                        when place <= negative and place = rank_of_all then number
                        when place > negative and place = rank_of_all - (expected - given) then number
                    end
                ),
                0
            ) as decimal(38, 9)
        ) as quantity,
        cast(max(event_count) as bigint) as event_count
    from with_rank
    group by
        {{ of_usage }}
),

-- what goes on from one reading to the next of the contract, whatever periods they are in
consecutive as (
    select
        *,
        lead(number) over readings as number_before,
        lag(occurred_at) over readings as next_timestamp
    from looked_at
    where aggregation in ('level', 'counter')
    window
        readings as (
            partition by
                contract_id,
                meter_code,
                group_values
            order by
                occurred_at desc,
                {{ last_version_first() }}
        )
),

-- R-99: what a counter has grown since the reading before; one that is lower has begun anew
grown as (
    select
        {{ of_usage }},
        cast(
            sum(
                case
                    when number_before is null then case when from_zero then number else 0 end
                    when number < number_before then number
                    else number - number_before
                end
            ) as decimal(38, 9)
        ) as quantity,
        count(*) as event_count
    from consecutive
    where
        aggregation = 'counter'
        and not is_on_record
    group by
        {{ of_usage }}
),

levels as (
    select
        contract_id,
        meter_code,
        group_values,
        {{ billionths_of('number') }} as billionths,
        occurred_at as held_from,
        next_timestamp as held_to
    from consecutive
    where aggregation = 'level'
),

-- plan intervals in which a meter's level may hold, with or without events
level_intervals as (
    select distinct
        windows.contract_id,
        windows.customer_id,
        windows.period_start,
        windows.period_end,
        windows.interval_start as window_start,
        windows.interval_end as window_end,
        windows.full_length,
        plan_meters.meter_code
    from {{ source('schedule', 'windows') }} as windows
    inner join {{ ref('int_plan_meters') }} as plan_meters
        on windows.window_plan_code = plan_meters.plan_code
    left join {{ source('schedule', 'closed_periods') }} as closed
        on
            windows.contract_id = closed.contract_id
            and windows.period_start = closed.period_start
    where
        closed.contents_record is null
        and plan_meters.meter_code in (select levels.meter_code from levels)
),

-- R-98: each level for as long as it holds in an interval
held as (
    select
        intervals.*,
        levels.group_values,
        levels.billionths * ({{ microseconds('least(coalesce(levels.held_to, intervals.window_end), intervals.window_end)') }}
        - {{ microseconds('greatest(levels.held_from, intervals.window_start)') }}) as billionths_held,
        case when levels.held_from >= intervals.window_start then 1 else 0 end as events
    from level_intervals as intervals
    inner join levels
        on
            intervals.contract_id = levels.contract_id
            and intervals.meter_code = levels.meter_code
            and levels.held_from < intervals.window_end
            and coalesce(levels.held_to >= intervals.window_start, true)
),

level_usage as (
    select
        {{ of_usage }},
        {{ exact_ratio('sum(billionths_held)', 'full_length') }} as quantity,
        sum(events) as event_count
    from held
    group by
        {{ of_usage }},
        full_length
    -- a level of nothing that goes on is no usage
    having sum(events) > 0 or sum(billionths_held) <> 0
),

usage as (
    select * from added_up
    union all
    select * from picked_out
    union all
    select * from percentiles
    union all
    select * from grown
    union all
    select * from level_usage
)

select
    cast(contract_id as string) as contract_id,
    cast(customer_id as string) as customer_id,
    period_start,
    period_end,
    window_start,
    window_end,
    cast(meter_code as string) as meter_code,
    group_values,
    cast(quantity as decimal(38, 9)) as quantity,
    cast(event_count as bigint) as event_count
from usage
