{#- What a table and its columns mean, said in the database by one statement a model. dbt's own asks twice for the columns before, which costs
    a night a second; those of a contract are known. Spark keeps dbt's own. -#}
{% macro duckdb__persist_docs(relation, model, for_relation, for_columns) -%}
    {%- set said = [] -%}
    {%- if for_relation and config.persist_relation_docs() and model.description -%}
        {%- do said.append("comment on " ~ relation.type ~ " " ~ relation ~ " is " ~ quoted(model.description)) -%}
    {%- endif -%}
    {%- if for_columns and config.persist_column_docs() and model.columns -%}
        {%- set described = model.columns.values() | selectattr('description') | list -%}
        {%- if not config.get('contract').enforced -%}
            {%- set existing = adapter.get_columns_in_relation(relation) | map(attribute='name') | list -%}
            {%- set described = described | selectattr('name', 'in', existing) | list -%}
        {%- endif -%}
        {%- for column in described -%}
            {%- do said.append("comment on column " ~ relation ~ "." ~ adapter.quote(column.name) ~ " is " ~ quoted(column.description)) -%}
        {%- endfor -%}
    {%- endif -%}
    {%- if said -%} {%- do run_query(said | join(';\n')) -%} {%- endif -%}
{%- endmacro %}
