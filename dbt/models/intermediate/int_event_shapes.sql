{#- Shapes taken apart, and their group values made canonical (R-15), once each. -#}
{%- set groups = slot_columns('group') %}

with

shapes as (
    select distinct shape
    from {{ ref('int_landed_groups') }}
),

opened as (
    select
        shape,
        {{ json_elements('shape', 3 + groups | length) }} as parts
    from shapes
)

select
    shape,
    {{ json_string_content(element('parts', 1)) }} as event_name,
    {{ json_string_content(element('parts', 2)) }} as fit,
    {{ json_string_list(element('parts', 3)) }} as property_names,
    {%- for column in groups %}
    {{ canonical_text(element('parts', loop.index + 3)) }} as {{ column }}
    {{- "," if not loop.last }}
    {%- endfor %}
from opened
