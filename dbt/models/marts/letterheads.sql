{{ config(materialized='incremental', incremental_strategy='append') }}

select
    invoice_id,
    seller_name,
    seller_address,
    customer_name,
    billing_address,
    contacts,
    timezone,
    minor_digits
from {{ source('rating', 'letterheads') }}
