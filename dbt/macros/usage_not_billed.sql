{#- The law that metered = billed + drafted, meter by meter and to the event: what breaks it (R-16, R-42). rated: relation of the periods
    that it holds of, contract_id and period_start; unbilled_usage: relation of what is on no document, because it is worth nothing. -#}
{% macro usage_not_billed(rated, unbilled_usage) %}
with

periods as (
    select
        contract_id,
        period_start
    from {{ rated }}
),

metered as (
    select
        usage.contract_id,
        usage.period_start,
        usage.meter_code,
        sum(usage.quantity) as quantity,
        sum(usage.event_count) as events
    from {{ ref('usage') }} as usage
    inner join periods
        on
            usage.contract_id = periods.contract_id
            and usage.period_start = periods.period_start
    group by
        usage.contract_id,
        usage.period_start,
        usage.meter_code
),

documents as (
    select
        invoices.contract_id,
        invoices.period_start,
        lines.meter_code,
        lines.quantity,
        lines.event_count
    from {{ ref('invoice_lines') }} as lines
    inner join {{ ref('invoices') }} as invoices
        on lines.invoice_id = invoices.invoice_id
    inner join periods
        on
            invoices.contract_id = periods.contract_id
            and invoices.period_start = periods.period_start
    where lines.kind = 'usage'
    union all
    -- a correction that is worth nothing makes no document (R-42)
    select
        unbilled.contract_id,
        unbilled.period_start,
        unbilled.meter_code,
        unbilled.quantity,
        unbilled.event_count
    from {{ unbilled_usage }} as unbilled
),

-- what of a period with several plans a pricing charges a share of (R-101) is less than what was metered
prorated as (
    select distinct meter_code
    from {{ source('books', 'pricings') }}
    where prorate
),

-- what several pricings of one plan rate is on several lines
rated_often as (
    select distinct pricings.meter_code
    from {{ source('books', 'plan_pricings') }} as plan_pricings
    inner join {{ source('books', 'pricings') }} as pricings
        on plan_pricings.pricing_code = pricings.pricing_code
    where pricings.meter_code is not null
    group by
        plan_pricings.plan_code,
        pricings.meter_code
    having count(*) > 1
),

billed as (
    select
        contract_id,
        period_start,
        meter_code,
        sum(quantity) as quantity,
        sum(event_count) as events
    from documents
    group by
        contract_id,
        period_start,
        meter_code
)

select
    coalesce(metered.contract_id, billed.contract_id) as contract_id,
    coalesce(metered.period_start, billed.period_start) as period_start,
    coalesce(metered.meter_code, billed.meter_code) as meter_code,
    metered.quantity as metered,
    billed.quantity as billed,
    metered.events as events_metered,
    billed.events as events_billed
from metered
full outer join billed
    on
        metered.contract_id = billed.contract_id
        and metered.period_start = billed.period_start
        and metered.meter_code = billed.meter_code
left join prorated
    on metered.meter_code = prorated.meter_code
left join rated_often
    on coalesce(metered.meter_code, billed.meter_code) = rated_often.meter_code
where
    rated_often.meter_code is null
    and (
        (prorated.meter_code is null and coalesce(metered.quantity, 0) <> coalesce(billed.quantity, 0))
        or coalesce(metered.events, 0) <> coalesce(billed.events, 0)
    )
{% endmacro %}
