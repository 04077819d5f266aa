with

windows as (
    select
        routed_customer_id as customer_id,
        routed_from,
        routed_to
    from {{ ref('int_routed_windows') }}
),

bounds as (
    select
        customer_id,
        routed_from as bound
    from windows
    union
    select
        customer_id,
        routed_to
    from windows
)

select
    cast(row_number() over (order by customer_id, bound) as integer) as customer_interval_no,
    customer_id,
    bound as customer_interval_start,
    lead(bound) over (partition by customer_id order by bound) as customer_interval_end
from bounds
