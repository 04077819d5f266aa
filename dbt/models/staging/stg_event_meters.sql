with

names as (
    select event_name
    from {{ ref('stg_event_names') }}
),

meters as (
    select
        *,
        aggregation in ('sum', 'count') as is_kept_per_window
    from {{ source('books', 'meters') }}
    where status = 'active'
),

taken as (
    select
        names.event_name,
        meters.*
    from names
    inner join meters
        on
            (meters.include_events is null or {{ holds('meters.include_events', 'names.event_name') }})
            and not coalesce({{ holds('meters.exclude_events', 'names.event_name') }}, false)
),

filters as (
    select
        meter_code,
        {{ list_of("{'property': property, 'operator': operator, 'values': \"values\"}", 'filter_no') }} as filters
    from {{ source('books', 'meter_filters') }}
    group by meter_code
)

select
    taken.event_name,
    row_number() over (partition by taken.event_name order by taken.meter_code)::integer as meter_no,
    taken.meter_code,
    taken.aggregation,
    taken.is_kept_per_window,
    case when taken.aggregation not in ('count', 'unique') then taken.aggregation_key end as number_property,
    case when taken.aggregation = 'unique' then taken.aggregation_key end as text_property,
    taken.group_keys,
    coalesce(filters.filters, []) as filters
from taken
left join filters
    on taken.meter_code = filters.meter_code
