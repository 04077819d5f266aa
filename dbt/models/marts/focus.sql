{#- What issued documents bill, in the columns of FOCUS 1.2. A row is a line, or what one promotional grant pays of it: BilledCost of all rows of
    an InvoiceId is the document's total. Where a price of one unit makes the amount, the row shows it; everywhere else (tiers, fees, what
    an adjustment corrects) it is one charge at its cost, so that unit price times quantity is the cost on every row. -#}
{{ config(materialized='incremental', incremental_strategy='append') }}
{%- set of_a_row = [
    'category',
    'description',
    'billed',
    'effective',
    'contracted_cost',
    'list_cost',
    'pricing_quantity',
    'pricing_unit',
    'contracted_unit_price',
    'list_unit_price',
    'consumed_quantity',
    'prepaid',
    'paying_grant_id'
] %}

with

issued as (
    select
        invoices.*,
        coalesce(letterheads.seller_name, 'Unnamed provider') as seller_name,
        letterheads.customer_name
    from {{ ref('invoices') }} as invoices
    inner join {{ ref('letterheads') }} as letterheads
        on invoices.invoice_id = letterheads.invoice_id
    where
        invoices.status = 'issued'
        {%- if is_incremental() %}
        and invoices.number not in (select held.InvoiceId from {{ this }} as held)
        {%- endif %}
),

-- an adjustment is billed with the period invoice that it goes out with
went_out_with as (
    select
        contract_id,
        issued_at,
        max(period_start) as period_start,
        max(period_end) as period_end,
        max(month) as month
    from issued
    where kind = 'period'
    group by
        contract_id,
        issued_at
),

-- an initial invoice of a day is billed in the period that the day lies in
of_the_day as (
    select
        initials.invoice_id,
        periods.period_start,
        periods.period_end,
        periods.month
    from issued as initials
    inner join {{ ref('invoices') }} as periods
        on
            initials.contract_id = periods.contract_id
            and initials.period_start >= periods.period_start
            and initials.period_start < periods.period_end
    where
        initials.kind = 'initial'
        and periods.kind = 'period'
),

documents as (
    select
        issued.*,
        coalesce(of_the_day.period_start, went_out_with.period_start, issued.period_start) as billing_start,
        coalesce(
            of_the_day.period_end,
            went_out_with.period_end,
            case when issued.period_end > issued.period_start then issued.period_end end,
            issued.period_start + interval 1 day
        ) as billing_end,
        coalesce(of_the_day.month, went_out_with.month, issued.month) as billing_month
    from issued
    left join of_the_day
        on issued.invoice_id = of_the_day.invoice_id
    left join went_out_with
        on
            issued.kind = 'adjustment'
            and issued.contract_id = went_out_with.contract_id
            and issued.issued_at = went_out_with.issued_at
),

-- what each grant pays of each line, and what was paid for that
movements as (
    select
        ledger.invoice_id,
        ledger.line_no,
        ledger.grant_id,
        ledger.amount as moved,
        ledger.balance_after,
        grants.kind,
        grants.amount,
        grants.price,
        contracts.minor_digits
    from {{ ref('credit_ledger') }} as ledger
    inner join {{ ref('grant_balances') }} as grants
        on ledger.grant_id = grants.grant_id
    inner join {{ source('books', 'contracts') }} as contracts
        on grants.contract_id = contracts.contract_id
    where
        ledger.status = 'posted'
        and ledger.type in ('usage', 'reversal')
        and ledger.invoice_id in (select issued.invoice_id from issued)
),

paid as (
    select
        invoice_id,
        line_no,
        grant_id,
        kind,
        sum(-moved) as paid,
        sum({{ cost_of('(balance_after - moved)') }} - {{ cost_of('balance_after') }}) as cost
    from movements
    group by
        invoice_id,
        line_no,
        grant_id,
        kind
),

prepaid as (
    select
        invoice_id,
        line_no,
        sum(paid) as paid,
        sum(cost) as cost
    from paid
    where kind = 'prepaid'
    group by
        invoice_id,
        line_no
),

tiers as (
    select
        invoice_id,
        line_no,
        sum(quantity) as quantity,
        sum(flat_amount) as flat_amount
    from {{ ref('tier_charges') }}
    where invoice_id in (select issued.invoice_id from issued)
    group by
        invoice_id,
        line_no
),

last_windows as (
    select
        invoice_id,
        line_no,
        max(window_end) as window_end
    from {{ ref('line_shares') }}
    where invoice_id in (select issued.invoice_id from issued)
    group by
        invoice_id,
        line_no
),

lines as (
    select
        documents.*,
        {{ all_but(['invoice_id', 'kind', 'credits_applied'], 'lines') }},
        lines.kind as line_kind,
        coalesce(prepaid.paid, 0) as prepaid,
        coalesce(prepaid.cost, 0) as prepaid_cost,
        coalesce(lines.service_start, lines.price_from, documents.period_start) as charge_start,
        coalesce(
            lines.service_end,
            last_windows.window_end,
            case when documents.period_end > documents.period_start then documents.period_end end,
            documents.billing_end
        ) as charge_end,
        case when lines.kind in ('usage', 'flat', 'one_time') then lines.pricing_code else lines.kind end as sku,
        -- of a packaged line, what its packages hold
        {{ divided_exactly('coalesce(tiers.quantity, lines.quantity)', 'lines.per') }} as priced_units,
        coalesce(tiers.flat_amount, 0) as flat_amount,
        case
            when sign(lines.list_amount) + sign(lines.exact_amount) = 0 and lines.exact_amount <> 0 then lines.exact_amount
            else coalesce(lines.list_amount, lines.exact_amount)
        end as list_cost,
        case when lines.list_amount is null then lines.unit_rate else lines.list_rate end as known_list_rate
    from {{ ref('invoice_lines') }} as lines
    inner join documents
        on lines.invoice_id = documents.invoice_id
    left join prepaid
        on
            lines.invoice_id = prepaid.invoice_id
            and lines.line_no = prepaid.line_no
    left join tiers
        on
            lines.invoice_id = tiers.invoice_id
            and lines.line_no = tiers.line_no
    left join last_windows
        on
            lines.invoice_id = last_windows.invoice_id
            and lines.line_no = last_windows.line_no
),

priced as (
    select
        *,
        coalesce(
            line_kind = 'usage'
            and kind <> 'adjustment'
            and unit_rate >= 0
            and known_list_rate >= 0
            and flat_amount = 0
            and per % 1 = 0
            and priced_units is not null,
            false
        ) as is_by_unit
    from lines
),

charges as (
    select
        priced.*,
        case line_kind when 'usage' then 'Usage' when 'maximum_spend' then 'Adjustment' else 'Purchase' end as category,
        case
            when line_kind in ('usage', 'maximum_spend') then 'Usage-Based'
            when line_kind in ('base_fee', 'flat', 'minimum_commitment') then 'Recurring'
            else 'One-Time'
        end as frequency,
        amount - prepaid as billed,
        case line_kind when 'prepaid_purchase' then 0 else amount - prepaid + prepaid_cost end as effective,
        exact_amount as contracted_cost,
        case
            when is_by_unit then priced_units
            when sign(exact_amount) + sign(list_cost) < 0 then cast(-1 as decimal(38, 12))
            else cast(1 as decimal(38, 12))
        end as pricing_quantity,
        case
            when not is_by_unit then 'Charges'
            when per = 1 then 'Units'
            else cast(cast(per as {{ whole_type() }}) as string) || ' Units'
        end as pricing_unit,
        case when is_by_unit then unit_rate else abs(exact_amount) end as contracted_unit_price,
        case when is_by_unit then known_list_rate else abs(list_cost) end as list_unit_price,
        case when line_kind = 'usage' then quantity end as consumed_quantity,
        cast(null as string) as paying_grant_id
    from priced
),

-- columns in one order: what a row says of itself, then what differs between a charge and a credit
charge_rows as (
    select
        {{ all_but(of_a_row, 'charges') }},
        category,
        description,
        billed,
        effective,
        contracted_cost,
        list_cost,
        pricing_quantity,
        pricing_unit,
        contracted_unit_price,
        list_unit_price,
        consumed_quantity,
        prepaid,
        paying_grant_id
    from charges
),

-- what promotional credits pay is granted, not bought: a row of its own
credit_rows as (
    select
        {{ all_but(of_a_row, 'charges') }},
        'Credit' as category,
        'Promotional credits - ' || charges.description as description,
        -paid.paid as billed,
        -paid.paid as effective,
        -- a union of decimals would keep the fewer decimals
        cast(-paid.paid as decimal(38, 12)) as contracted_cost,
        cast(-paid.paid as decimal(38, 12)) as list_cost,
        cast(null as decimal(38, 12)) as pricing_quantity,
        cast(null as string) as pricing_unit,
        cast(null as decimal(38, 12)) as contracted_unit_price,
        cast(null as decimal(38, 12)) as list_unit_price,
        cast(null as decimal(38, 9)) as consumed_quantity,
        cast(0 as decimal(38, 4)) as prepaid,
        paid.grant_id as paying_grant_id
    from charges
    inner join paid
        on
            charges.invoice_id = paid.invoice_id
            and charges.line_no = paid.line_no
    where paid.kind = 'promotional'
),

together as (
    select * from charge_rows
    union all
    select * from credit_rows
)

select
    cast(billed as decimal(38, 4)) as BilledCost,
    customer_id as BillingAccountId,
    customer_name as BillingAccountName,
    'Customer' as BillingAccountType,
    currency as BillingCurrency,
    billing_end as BillingPeriodEnd,
    billing_start as BillingPeriodStart,
    category as ChargeCategory,
    case when kind = 'adjustment' then 'Correction' end as ChargeClass,
    description as ChargeDescription,
    frequency as ChargeFrequency,
    charge_end as ChargePeriodEnd,
    charge_start as ChargePeriodStart,
    consumed_quantity as ConsumedQuantity,
    case when consumed_quantity is not null then 'Units' end as ConsumedUnit,
    cast(contracted_cost as decimal(38, 12)) as ContractedCost,
    cast(contracted_unit_price as decimal(38, 12)) as ContractedUnitPrice,
    cast(effective as decimal(38, 4)) as EffectiveCost,
    number as InvoiceId,
    seller_name as InvoiceIssuerName,
    cast(list_cost as decimal(38, 12)) as ListCost,
    cast(list_unit_price as decimal(38, 12)) as ListUnitPrice,
    case when pricing_quantity is not null then 'Standard' end as PricingCategory,
    cast(pricing_quantity as decimal(38, 12)) as PricingQuantity,
    pricing_unit as PricingUnit,
    seller_name as ProviderName,
    seller_name as PublisherName,
    'Other' as ServiceCategory,
    seller_name as ServiceName,
    'Other (Other)' as ServiceSubcategory,
    sku as SkuId,
    coalesce(meter_code, line_kind) as SkuMeter,
    cast(null as string) as SkuPriceDetails,
    case when dimensions is null then sku else sku || ' ' || dimensions end as SkuPriceId,
    contract_id as SubAccountId,
    contract_id as SubAccountName,
    'Contract' as SubAccountType,
    dimensions as Tags,
    billing_month as x_BillingMonth,
    paying_grant_id as x_CreditGrantId,
    line_no as x_LineNumber,
    cast(prepaid as decimal(38, 4)) as x_PrepaidCreditsApplied
from together
