{#- No two rows agree in all columns of the key; nulls count as a value. new_in, named_by: relation of what is new, and its column by that
    of the model; what was there before has been looked at when it came, and is only held against what is new. -#}
{% test unique_key(model, columns, new_in=none, named_by=none) %}
select
    {{ columns | join(',\n    ') }},
    count(*) as rows_of_key
from {{ model }}
{%- for own, its in (named_by or {}).items() %}
where {{ own }} in (select new.{{ its }} from {{ new_in }} as new)
{%- endfor %}
group by
    {{ columns | join(',\n    ') }}
having count(*) > 1
{% endtest %}
