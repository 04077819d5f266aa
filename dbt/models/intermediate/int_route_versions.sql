-- routes of a month are numbered anew by every run; whether they lead elsewhere is told by their bounds
select
    customer_reference,
    is_external_reference,
    month,
    {{ fingerprint(list_of(list_literal(['starts_at', 'ends_at']), 'starts_at')) }} as route_version
from {{ ref('int_event_routes') }}
group by
    customer_reference,
    is_external_reference,
    month
