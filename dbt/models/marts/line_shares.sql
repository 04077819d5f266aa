{{ config(materialized='incremental', incremental_strategy='append') }}

select *
from {{ source('rating', 'line_shares') }}
