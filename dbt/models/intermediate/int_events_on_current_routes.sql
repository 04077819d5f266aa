{#- A view: what int_events_grouped_by_batch holds along the routes that customers' months have now, each event once. -#}
{{ config(materialized='view') }}

select grouped.*
from {{ ref('int_events_grouped_by_batch') }} as grouped
left join {{ ref('int_route_versions') }} as versions
    on
        {{ same_month_of_customer('grouped', 'versions') }}
where {{ is_on_current_route('grouped', 'versions') }}
