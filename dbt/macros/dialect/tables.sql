{#- What dbt asks of Spark for a table; of DuckDB it has all it needs. -#}

{#- No rows, with the columns of a contract, whose types are written as DuckDB spells them: a list is `string[]` there. -#}
{% macro spark__get_empty_schema_sql(columns) -%}
    {%- set spelled = {} -%}
    {%- for name, column in columns.items() -%}
        {%- set type = column['data_type'] -%}
        {%- if type is defined and type.endswith('[]') -%} {%- set type = 'array<' ~ type[:-2] ~ '>' -%} {%- endif -%}
        {%- do spelled.update({name: dict(column, data_type=type)}) -%}
    {%- endfor -%}
    {{ return(default__get_empty_schema_sql(spelled)) }}
{%- endmacro %}

{#- Where its files are: below a folder that the shell names; else where the catalogue has them. -#}
{% macro spark__location_clause() -%}
    {%- set folder = env_var('METERHOUSE_SPARK_TABLES', '') -%}
    {%- if folder %} location {{ quoted(folder ~ '/' ~ model.schema ~ '/' ~ model.alias) }} {% endif -%}
{%- endmacro %}
