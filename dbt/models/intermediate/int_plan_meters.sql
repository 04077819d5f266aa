select distinct
    plan_pricings.plan_code,
    pricings.meter_code
from {{ source('books', 'plan_pricings') }} as plan_pricings
inner join {{ source('books', 'pricings') }} as pricings
    on plan_pricings.pricing_code = pricings.pricing_code
where pricings.meter_code is not null
