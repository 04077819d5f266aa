{#- Shapes taken apart, and their group values made canonical (R-15), once each. -#}
{%- set groups = reading_columns('group') %}

with

signatures as (
    select distinct signature
    from {{ ref('int_events_grouped_by_batch') }}
),

opened as (
    select
        signature,
        {{ json_elements('signature', 3 + groups | length) }} as parts
    from signatures
)

select
    signature,
    {{ json_string_content(element('parts', 1)) }} as event_name,
    {{ json_string_content(element('parts', 2)) }} as meter_matches,
    {{ json_string_list(element('parts', 3)) }} as property_names,
    {%- for column in groups %}
    {{ canonical_text(element('parts', loop.index + 3)) }} as {{ column }}
    {{- "," if not loop.last }}
    {%- endfor %}
from opened
