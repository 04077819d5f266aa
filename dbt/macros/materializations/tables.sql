{#- Tables and views on DuckDB in one statement each. dbt-duckdb's own builds beside the old table, renames both and drops the old one, and
    looks into the catalogue before each step: two thirds of what a table of a small company's night costs. DuckDB replaces a table within a
    transaction, so none of this is needed: a model is either as it was or as it is now. What these do not know (Python models, grants,
    indexes, foreign keys, strategies other than `append`, changed columns) goes dbt-duckdb's way. -#}

{% materialization table, adapter='duckdb', supported_languages=['sql', 'python'] %}
    {%- if not is_plain() -%} {{ return(dbt.materialization_table_duckdb()) }} {%- endif -%}
    {{ begun() }}
    {{ return(made(this.incorporate(type='table'), replaced_table(compiled_code))) }}
{% endmaterialization %}

{% materialization incremental, adapter='duckdb', supported_languages=['sql', 'python'] %}
    {%- if not is_plain() or config.get('incremental_strategy') != 'append' or config.get('on_schema_change', 'ignore') not in ['ignore', 'fail'] -%}
        {{ return(dbt.materialization_incremental_duckdb()) }}
    {%- endif -%}
    {%- set held = load_cached_relation(this) -%}
    {{ begun() }}
    {%- set sql = replaced_table(compiled_code) if held is none or held.is_view or should_full_refresh() else added_to(held, compiled_code) -%}
    {{ return(made(this.incorporate(type='table'), sql)) }}
{% endmaterialization %}

{% materialization view, adapter='duckdb' %}
    {%- if not is_plain() -%} {{ return(dbt.materialization_view_default()) }} {%- endif -%}
    {%- set view = this.incorporate(type='view') -%}
    {{ begun() }}
    {{ return(made(view, dropped() ~ get_create_view_as_sql(view, compiled_code))) }}
{% endmaterialization %}

{#- Whether a model asks for nothing but SQL, hooks, a contract and comments. -#}
{% macro is_plain() -%}
    {%- set keys = [] -%}
    {%- for constraint in model.constraints -%} {%- do keys.append(constraint.type) -%} {%- endfor -%}
    {%- for column in model.columns.values() -%}
        {%- for constraint in column.constraints or [] -%} {%- do keys.append(constraint.type) -%} {%- endfor -%}
    {%- endfor -%}
    {{ return(
        model.language == 'sql'
        and not config.get('grants')
        and not config.get('indexes')
        and not config.get('partitioned_by')
        and not config.get('sorted_by')
        and keys | reject('equalto', 'not_null') | list | length == 0
    ) }}
{%- endmacro %}

{% macro begun() -%}
    {{ run_hooks(pre_hooks, inside_transaction=false) }}
    {{ run_hooks(pre_hooks, inside_transaction=true) }}
{%- endmacro %}

{% macro dropped() -%}
    {%- set held = load_cached_relation(this) -%}
    {{ return('' if held is none else 'drop ' ~ held.type ~ ' if exists ' ~ held ~ ';\n') }}
{%- endmacro %}

{% macro replaced_table(sql) -%} {{ return(dropped() ~ create_table_as(false, this.incorporate(type='table'), sql)) }} {%- endmacro %}

{#- Rows added to a table, column by column as it has them. -#}
{% macro added_to(held, sql) -%}
    {%- if config.get('contract').enforced -%}
        {%- do get_assert_columns_equivalent(sql) -%}
        {%- set columns = model.columns.values() | map(attribute='name') | list -%}
    {%- else -%} {%- set columns = adapter.get_columns_in_relation(held) | map(attribute='name') | list -%}
    {%- endif -%}
    {%- set quoted = [] -%}
    {%- for column in columns -%} {%- do quoted.append(adapter.quote(column)) -%} {%- endfor -%}
    {%- set listed = quoted | join(', ') -%}
    {{ return('insert into ' ~ held ~ ' (' ~ listed ~ ')\nselect ' ~ listed ~ '\nfrom (\n' ~ sql ~ '\n) as new') }}
{%- endmacro %}

{#- Run a model's statement, say what it means and commit: what a materialization returns. -#}
{% macro made(relation, sql) -%}
    {% call statement('main') -%} {{ sql }} {%- endcall %}
    {%- do persist_docs(relation, model) -%}
    {{ run_hooks(post_hooks, inside_transaction=true) }}
    {%- do adapter.commit() -%}
    {{ run_hooks(post_hooks, inside_transaction=false) }}
    {{ return({'relations': [relation]}) }}
{%- endmacro %}
