{#- A version of an event is told by where it landed: batch, file, position, element. -#}

{#- Whether two rows are about the same version. -#}
{% macro same_version(a, b) -%}
    {%- set parts = [] -%}
    {%- for column in ['position', 'batch', 'element', 'file'] -%}
        {%- do parts.append(a ~ '.' ~ column ~ ' = ' ~ b ~ '.' ~ column) -%}
    {%- endfor -%}
    {{ parts | join(' and ') }}
{%- endmacro %}

{#- The order of versions, the last first (R-11): for `order by`. -#}
{% macro last_version_first() -%} received_at desc, file desc, position desc, element desc, batch desc {%- endmacro %}
