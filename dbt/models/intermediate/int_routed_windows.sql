-- rating windows by the customer whose events go to them: the contract's own, and those it covers, for as long as it does (R-107)
with

windows as (
    select *
    from {{ source('schedule', 'windows') }}
),

covered as (
    select
        contract_id,
        customer_id,
        starts_at,
        ends_at
    from {{ source('books', 'covered_customers') }}
)

select
    customer_id as routed_customer_id,
    window_start as routed_from,
    window_end as routed_to,
    *
from windows
union all
select
    covered.customer_id as routed_customer_id,
    greatest(windows.window_start, covered.starts_at) as routed_from,
    least(windows.window_end, coalesce(covered.ends_at, windows.window_end)) as routed_to,
    windows.*
from windows
inner join covered
    on
        windows.contract_id = covered.contract_id
        and windows.window_end > covered.starts_at
        and windows.window_start < coalesce(covered.ends_at, windows.window_end)
