with

windows as (
    select
        customer_id,
        window_start,
        window_end
    from {{ source('schedule', 'windows') }}
),

bounds as (
    select
        customer_id,
        window_start as bound
    from windows
    union
    select
        customer_id,
        window_end
    from windows
)

select
    row_number() over (order by customer_id, bound)::integer as slice_no,
    customer_id,
    bound as slice_start,
    lead(bound) over (partition by customer_id order by bound) as slice_end
from bounds
