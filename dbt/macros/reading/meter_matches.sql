{#- How an event matches the meters of its name, one letter a meter in the order of meter_no: `m` the meter takes it, `b` it would
    but the quantity is bad, `-` a filter does not hold. Two events of one name, customer, moment and matches share their fate. -#}
{% macro meter_matches(reading) -%}
    {%- set letters = [] -%}
    {%- for meter in reading.meters -%} {%- do letters.append(meter_match_letter(reading, meter)) -%} {%- endfor -%}
    {{ return((letters | join(' || ')) if letters else "''") }}
{%- endmacro %}

{% macro meter_match_letter(reading, meter) -%}
    {%- set conditions = [] -%}
    {%- for filter in meter.filters -%}
        {%- do conditions.append("when not " ~ filter_holds(filter, text_column(reading, filter.property)) ~ " then '-'") -%}
    {%- endfor -%}
    {%- if meter.number_property is not none -%}
        {%- set column_no = reading.numbers.index(meter.number_property) + 1 -%}
        {%- do conditions.append("when number_" ~ column_no ~ " is null then 'b'") -%}
    {%- elif meter.text_property is not none -%}
        {%- do conditions.append("when " ~ text_column(reading, meter.text_property) ~ " is null then 'b'") -%}
    {%- endif -%}
    {{ return("case " ~ (conditions | join(' ')) ~ " else 'm' end" if conditions else "'m'") }}
{%- endmacro %}

{#- The column that holds a property's canonical text. -#}
{% macro text_column(reading, property) -%}
    {%- if property in reading.groups -%} {{ return('group_' ~ (reading.groups.index(property) + 1)) }}
    {%- else -%} {{ return('text_' ~ (reading.texts.index(property) + 1)) }}
    {%- endif -%}
{%- endmacro %}

{#- Whether a filter holds, on canonical texts (R-15). `not_in` holds for a missing property; a limit (R-92) for no text that is no
    number. -#}
{% macro filter_holds(filter, column) -%}
    {#- a value that is finer than any limit goes to the side on which the comparison says the same of it -#}
    {%- set limits = {'above': ('>', 'up'), 'at_least': ('>=', 'down'), 'below': ('<', 'down'), 'at_most': ('<=', 'up')} -%}
    {%- set values = [] -%}
    {%- for value in filter['values'] -%} {%- do values.append(quoted(value)) -%} {%- endfor -%}
    {%- set is_among = "coalesce(" ~ column ~ " in (" ~ (values | join(', ')) ~ "), false)" if values else "false" -%}
    {%- if filter.operator == 'in' -%} {{ return(is_among) }}
    {%- elif filter.operator == 'not_in' -%} {{ return("(not " ~ is_among ~ ")") }}
    {%- elif filter.operator == 'exists' -%} {{ return("(" ~ column ~ " is not null)") }}
    {%- elif filter.operator == 'not_exists' -%} {{ return("(" ~ column ~ " is null)") }}
    {%- elif filter.operator in limits -%}
        {%- set compares, goes = limits[filter.operator] -%}
        {{ return("coalesce(" ~ number_of_text(column, goes) ~ " " ~ compares ~ " " ~ limit_units(filter['values'][0]) ~ ", false)") }}
    {%- elif filter.operator == 'starts_with' -%}
        {{ return("coalesce(" ~ begins_with(column, quoted(filter['values'][0])) ~ ", false)") }}
    {%- else -%} {{ exceptions.raise_compiler_error("No filter is called " ~ filter.operator) }}
    {%- endif -%}
{%- endmacro %}
