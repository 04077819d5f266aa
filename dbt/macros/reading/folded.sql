{#- A name without what people vary: case, underscores and hyphens. -#}
{% macro folded(name) -%} lower(replace(replace({{ name }}, '_', ''), '-', '')) {%- endmacro %}
