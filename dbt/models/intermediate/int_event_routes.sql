{#- Which interval of its customer an event falls in, month by month. What went to a closed period stays apart from what did not, also where
    the books have changed since: there a month is cut where they say so now, and where they said so then. -#}

with

intervals as (
    select distinct
        customer_interval_no,
        routed_customer_id as customer_id,
        customer_interval_start,
        customer_interval_end
    from {{ ref('int_customer_intervals_with_windows') }}
),

interval_months as (
    select
        *,
        {{ each_month_of('customer_interval_start', 'customer_interval_end') }} as month
    from intervals
),

of_now as (
    select
        customer_references.customer_reference,
        customer_references.is_external_reference,
        interval_months.month,
        -- cut at the month's ends: what happens to an interval in another month says nothing of this one
        greatest(interval_months.customer_interval_start, cast(interval_months.month as timestamp)) as starts_at,
        least(interval_months.customer_interval_end, {{ month_after('interval_months.month') }}) as ends_at,
        interval_months.customer_interval_no
    from interval_months
    inner join {{ ref('int_customer_references') }} as customer_references
        on interval_months.customer_id = customer_references.customer_id
),

closed_months as (
    select
        customer_reference,
        is_external_reference,
        starts_at,
        ends_at,
        {{ each_month_of('starts_at', 'ends_at') }} as month
    from {{ source('closed', 'routes') }}
),

of_then as (
    select distinct
        customer_reference,
        is_external_reference,
        month,
        greatest(starts_at, cast(month as timestamp)) as starts_at,
        least(ends_at, {{ month_after('month') }}) as ends_at
    from closed_months
),

-- customers' months that are cut otherwise now than they were then
changed_months as (
    select distinct
        of_then.customer_reference,
        of_then.is_external_reference,
        of_then.month
    from of_then
    where
        not exists (
            select 1
            from of_now
            where {{ same_month_of_customer('of_now', 'of_then') }} and of_now.starts_at = of_then.starts_at
        )
        or not exists (
            select 1
            from of_now
            where {{ same_month_of_customer('of_now', 'of_then') }} and of_now.ends_at = of_then.ends_at
        )
),

bounds as (
    select
        of_now.customer_reference,
        of_now.is_external_reference,
        of_now.month,
        of_now.starts_at,
        of_now.ends_at
    from of_now
    inner join changed_months
        on {{ same_month_of_customer('of_now', 'changed_months') }}
    union all
    select
        of_then.customer_reference,
        of_then.is_external_reference,
        of_then.month,
        of_then.starts_at,
        of_then.ends_at
    from of_then
    inner join changed_months
        on {{ same_month_of_customer('of_then', 'changed_months') }}
),

cuts as (
    select
        customer_reference,
        is_external_reference,
        month,
        starts_at as cut_at
    from bounds
    union
    select
        customer_reference,
        is_external_reference,
        month,
        ends_at
    from bounds
),

cut_anew as (
    select
        customer_reference,
        is_external_reference,
        month,
        cut_at as starts_at,
        lead(cut_at) over (
            partition by
                customer_reference,
                is_external_reference,
                month
            order by cut_at
        ) as ends_at
    from cuts
)

select
    customer_reference,
    is_external_reference,
    month,
    starts_at,
    ends_at,
    customer_interval_no
from of_now
where
    not exists (
        select 1
        from changed_months
        where {{ same_month_of_customer('of_now', 'changed_months') }}
    )
union all
select
    cut_anew.customer_reference,
    cut_anew.is_external_reference,
    cut_anew.month,
    cut_anew.starts_at,
    cut_anew.ends_at,
    of_now.customer_interval_no
from cut_anew
left join of_now
    on
        {{ same_month_of_customer('cut_anew', 'of_now') }}
        and cut_anew.starts_at >= of_now.starts_at
        and cut_anew.starts_at < of_now.ends_at
where cut_anew.ends_at is not null
