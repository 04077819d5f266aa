-- prepaid credits not used yet, by the month in which they lapse: what is still owed to customers in service
select
    currency,
    {{ month_name('expires_at') }} as expiry_month,
    contract_id,
    customer_id,
    cast(sum(balance) as decimal(38, 4)) as balance,
    cast(sum(cost_basis) as decimal(38, 4)) as cost_basis,
    count(*) as grants
from {{ ref('grant_balances') }}
where kind = 'prepaid' and balance > 0
group by
    currency,
    {{ month_name('expires_at') }},
    contract_id,
    customer_id
