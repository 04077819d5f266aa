-- FOCUS: unit price times PricingQuantity is the cost, to the 12 decimals that costs have. Products with more than 38 digits are passed over.
select
    InvoiceId,
    x_LineNumber,
    ContractedCost,
    ListCost
from {{ ref('focus') }}
where
    {{ differs_from_product('ContractedCost', 'ContractedUnitPrice', 'PricingQuantity') }}
    or {{ differs_from_product('ListCost', 'ListUnitPrice', 'PricingQuantity') }}
