-- prepaid credits not used yet, by the month in which they lapse: what is still owed to customers in service
select
    currency,
    strftime(expires_at, '%Y-%m') as expiry_month,
    contract_id,
    customer_id,
    sum(balance)::decimal(38, 4) as balance,
    sum(cost_basis)::decimal(38, 4) as cost_basis,
    count(*) as grants
from {{ ref('grant_balances') }}
where kind = 'prepaid' and balance > 0
group by
    currency,
    strftime(expires_at, '%Y-%m'),
    contract_id,
    customer_id
