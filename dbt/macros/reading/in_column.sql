{#- The value of the column that a row's meter reads: in_column('number_column_no', ['number_1', 'number_2'], '_sum'). -#}
{% macro in_column(column_no, columns, suffix) -%}
    case {{ column_no }}
        {%- for column in columns %}
        when {{ loop.index }} then {{ column }}{{ suffix }}
        {%- endfor %}
    end
{%- endmacro %}
