{#- What a group key that is of the event's customer is read from, as the books write it (R-97). -#}
{% macro customer_group() -%} '[{"op":"customer"}]' {%- endmacro %}
