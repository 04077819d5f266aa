-- FOCUS: unit price times PricingQuantity is the cost, to the 12 decimals that costs have. Products with more than 38 digits are passed over;
-- what was published before has been looked at when it came.
select
    rows_of_now.InvoiceId,
    rows_of_now.x_LineNumber,
    rows_of_now.ContractedCost,
    rows_of_now.ListCost
from {{ ref('focus') }} as rows_of_now
inner join {{ source('rating', 'invoices') }} as new
    on rows_of_now.InvoiceId = new.number
where
    -- as it looks at both sides, the engine asks it behind the join
    case
        when new.number is not null then
            {{ differs_from_product('rows_of_now.ContractedCost', 'rows_of_now.ContractedUnitPrice', 'rows_of_now.PricingQuantity') }}
            or {{ differs_from_product('rows_of_now.ListCost', 'rows_of_now.ListUnitPrice', 'rows_of_now.PricingQuantity') }}
    end
