{#- Columns and rows, as the engine speaks of them. -#}

{#- All columns but some: all_but(['signature'], 'signatures'). -#}
{% macro all_but(columns, relation=none) -%} {{ adapter.dispatch('all_but')(columns, relation) }} {%- endmacro %}
{% macro duckdb__all_but(columns, relation) -%} {{ relation ~ '.' if relation }}* exclude ({{ columns | join(', ') }}) {%- endmacro %}
{% macro spark__all_but(columns, relation) -%} {{ relation ~ '.' if relation }}* except ({{ columns | join(', ') }}) {%- endmacro %}
