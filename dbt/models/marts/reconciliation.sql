-- Two readings of the same events, kept apart by meter_code: what became of every landed version, and what the meters made of it.

with

dispositions as (
    select
        superseded.month,
        signatures.event_name,
        'superseded' as disposition,
        count(*) as events
    from {{ ref('int_superseded_events') }} as superseded
    inner join {{ ref('int_event_signatures') }} as signatures
        on superseded.signature = signatures.signature
    group by
        superseded.month,
        signatures.event_name
    union all
    select
        {{ month_of('withdrawn.timestamp') }},
        event_name,
        'withdrawn',
        count(*)
    from {{ source('raw', 'withdrawn') }} as withdrawn
    group by
        {{ month_of('withdrawn.timestamp') }},
        event_name
    union all
    select
        late.month,
        signatures.event_name,
        'too_late',
        count(*)
    from {{ ref('int_late_versions') }} as late
    inner join {{ ref('int_event_signatures') }} as signatures
        on late.signature = signatures.signature
    where late.is_frozen_out
    group by
        late.month,
        signatures.event_name
    union all
    select
        counted.month,
        signatures.event_name,
        'voided',
        sum(counted.events)
    from {{ ref('int_events_counted') }} as counted
    inner join {{ ref('int_event_signatures') }} as signatures
        on counted.signature = signatures.signature
    where counted.is_tombstone
    group by
        counted.month,
        signatures.event_name
    having sum(counted.events) <> 0
    union all
    select
        event_groups.month,
        event_groups.event_name,
        event_classes.disposition,
        sum(event_groups.events)
    from {{ ref('int_event_groups') }} as event_groups
    inner join {{ ref('int_event_class_dispositions') }} as event_classes
        on event_groups.event_class_no = event_classes.event_class_no
    group by
        event_groups.month,
        event_groups.event_name,
        event_classes.disposition
),

-- of periods that take no more events, what they contained when they were rated last (R-45)
metered as (
    select
        contract_id,
        period_start,
        month,
        event_name,
        meter_code,
        disposition,
        events,
        quantity
    from {{ ref('int_meter_totals') }}
    union all
    select
        contract_id,
        period_start,
        month,
        event_name,
        meter_code,
        disposition,
        events,
        quantity
    from {{ source('closed', 'meter_totals') }}
),

totals as (
    select
        totals.*,
        contracts.currency,
        contracts.minor_digits
    from metered as totals
    inner join {{ source('books', 'contracts') }} as contracts
        on totals.contract_id = contracts.contract_id
),

amounts as (
    select
        amounts.*,
        contracts.currency
    from {{ source('rating', 'reconciled_amounts') }} as amounts
    inner join {{ source('books', 'contracts') }} as contracts
        on amounts.contract_id = contracts.contract_id
),

-- over how many months and event names a meter's events of a period are spread: one, nearly always
spread as (
    select
        contract_id,
        period_start,
        meter_code,
        count(*) as places
    from totals
    where disposition = 'metered'
    group by
        contract_id,
        period_start,
        meter_code
),

metered_totals as (
    select
        totals.*,
        spread.places,
        amounts.amount
    from totals
    inner join spread
        on
            totals.contract_id = spread.contract_id
            and totals.period_start = spread.period_start
            and totals.meter_code = spread.meter_code
    left join amounts
        on
            totals.contract_id = amounts.contract_id
            and totals.period_start = amounts.period_start
            and totals.meter_code = amounts.meter_code
    where totals.disposition = 'metered'
),

-- by quantity; by events where quantities cannot weigh: they have no sum, are negative, or come to nothing
weighable as (
    select
        *,
        sum(quantity) over meter_of_period as total_quantity,
        coalesce(
            count(*) over meter_of_period = count(quantity) over meter_of_period
            and min(quantity) over meter_of_period >= 0
            and sum(quantity) over meter_of_period > 0,
            false
        ) as is_weighed_by_quantity
    from metered_totals
    where places > 1
    window meter_of_period as (partition by contract_id, period_start, meter_code)
),

weighed as (
    select
        *,
        case
            when is_weighed_by_quantity then {{ weight_of('quantity', 'total_quantity') }}
            else events
        end as weight
    from weighable
),

running as (
    select
        weighed.*,
        sum(weighed.weight) over (
            partition by
                weighed.contract_id,
                weighed.period_start,
                weighed.meter_code
            order by
                weighed.month,
                weighed.event_name
            rows unbounded preceding
        ) as weight_to_here,
        sum(weighed.weight) over (
            partition by
                weighed.contract_id,
                weighed.period_start,
                weighed.meter_code
        ) as total_weight
    from weighed
),

shared as (
    select
        *,
        {{ running_share('amount', 'minor_digits', 'weight_to_here', 'total_weight') }}
        - {{ running_share('amount', 'minor_digits', '(weight_to_here - weight)', 'total_weight') }} as share
    from running
),

meters as (
    select
        month,
        event_name,
        meter_code,
        disposition,
        currency,
        events,
        quantity,
        share as amount
    from shared
    union all
    select
        month,
        event_name,
        meter_code,
        disposition,
        currency,
        events,
        quantity,
        amount
    from metered_totals
    where places = 1
    union all
    select
        month,
        event_name,
        meter_code,
        disposition,
        currency,
        events,
        null,
        null
    from totals
    where disposition <> 'metered'
    union all
    -- amounts whose events are gone (they moved, or were voided) stay visible, in the month their period begins in
    select
        {{ month_of('amounts.period_start') }},
        null,
        amounts.meter_code,
        'metered',
        amounts.currency,
        0,
        null,
        amounts.amount
    from amounts
    where
        not exists (
            select 1
            from spread
            where
                spread.contract_id = amounts.contract_id
                and spread.period_start = amounts.period_start
                and spread.meter_code = amounts.meter_code
        )
)

select
    {{ month_name('month') }} as period,
    event_name,
    cast(null as string) as meter_code,
    disposition,
    cast(null as string) as currency,
    cast(sum(events) as bigint) as events,
    cast(null as decimal(38, 9)) as quantity,
    cast(null as decimal(38, 4)) as amount
from dispositions
group by
    month,
    event_name,
    disposition
union all
select
    {{ month_name('month') }},
    event_name,
    meter_code,
    disposition,
    currency,
    cast(sum(events) as bigint),
    cast(sum(quantity) as decimal(38, 9)),
    cast(sum(amount) as decimal(38, 4))
from meters
group by
    month,
    event_name,
    meter_code,
    disposition,
    currency
