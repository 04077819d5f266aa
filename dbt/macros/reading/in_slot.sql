{#- The value of the slot column that a row's meter reads: in_slot('number_slot', ['number_1', 'number_2'], '_sum'). -#}
{% macro in_slot(slot, columns, suffix) -%}
    case {{ slot }}
        {%- for column in columns %}
        when {{ loop.index }} then {{ column }}{{ suffix }}
        {%- endfor %}
    end
{%- endmacro %}
