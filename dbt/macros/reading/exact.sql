{#- Exact arithmetic on events' numbers (R-90). A number is its digits as a whole number (dialect/numbers.sql) and how many of them are
    decimals, so nothing is rounded on the way. A number that is missing has no digits; one that no 38 digits hold has none
    either, and -1 decimals, and so has all that rests on it: `coalesce` takes the place of what is missing only. -#}

{#- A power of ten as a whole number; null beyond the 38th. -#}
{% macro power_of_ten(exponent) -%} {{ return(whole_of_text("'1' || repeat('0', " ~ exponent ~ ")")) }} {%- endmacro %}

{#- A number of the books. -#}
{% macro number_literal(value) -%}
    {%- set decimals = (value.split('.') + [''])[1] -%}
    {{ return([('m', whole_literal(value | replace('.', ''))), ('s', decimals | length)]) }}
{%- endmacro %}

{#- A property's number in plain notation from its JSON text; null where it is none. -#}
{% macro plain_number_of_json(json) -%}
    {%- set content -%}
        case when left({{ json }}, 1) = '"' then {{ if_it_matches(json_string_content(json), plain_number_pattern()) }} else {{ json }} end
    {%- endset -%}
    {%- set is_none = "left(" ~ json ~ ", 1) in ('[', '{') or " ~ json ~ " in ('true', 'false', 'null')" -%}
    {%- set plain = plain_decimal("lower(trim(leading '+' from c))") -%}
    {%- set number = with_value(
        content, 'c', "case when c = '' then null when contains(lower(c), 'e') then " ~ plain ~ " else c end"
    ) -%}
    {{ return("case when " ~ is_none ~ " then null else " ~ number ~ " end") }}
{%- endmacro %}

{#- A number in plain notation as its digits, needless zeros apart. -#}
{% macro number_of_plain(plain) -%}
    {%- set decimals = "trim(trailing '0' from split_part(" ~ plain ~ ", '.', 2))" -%}
    {%- set digits = "split_part(" ~ plain ~ ", '.', 1) || " ~ decimals -%}
    {%- set whole = whole_of_text("case when " ~ digits ~ " in ('', '-', '+') then '0' else " ~ digits ~ " end") -%}
    {{ return([
        ('m', whole),
        ('s', "case when " ~ plain ~ " is not null and " ~ whole ~ " is null then -1 else length(" ~ decimals ~ ") end")
    ]) }}
{%- endmacro %}

{#- One operation on numbers: pairs of column and SQL. -#}
{% macro exact_step(step, args) -%}
    {%- set m, s = args[0] ~ '_m', args[0] ~ '_s' -%}
    {%- if step.op == 'negate' -%} {{ return([('m', '-' ~ m), ('s', s)]) }}
    {%- elif step.op == 'quantity' -%}
        {{ return([('m', as_quantity(m, s)), ('s', 9)]) }}
    {%- elif step.op == 'round_each' -%}
        {{ return([('m', rounded_each(m, step)), ('s', 9)]) }}
    {%- endif -%}
    {%- set n, t = args[1] ~ '_m', args[1] ~ '_s' -%}
    {%- if step.op == 'multiply' -%} {{ return(or_too_long(tried(m, '*', n), s ~ " + " ~ t, m, s, n, t)) }}
    {%- elif step.op == 'coalesce' -%}
        {%- set is_first = m ~ " is not null or " ~ s ~ " = -1" -%}
        {{ return([
            ('m', "case when " ~ is_first ~ " then " ~ m ~ " else " ~ n ~ " end"),
            ('s', "case when " ~ is_first ~ " then " ~ s ~ " else " ~ t ~ " end")
        ]) }}
    {%- endif -%}
    {%- set both = "greatest(" ~ s ~ ", " ~ t ~ ")" -%}
    {%- set a = aligned(m, s, both) -%}
    {%- set b = aligned(n, t, both) -%}
    {%- if step.op == 'add' -%} {%- set found = tried(a, '+', b) -%}
    {%- elif step.op == 'subtract' -%} {%- set found = tried(a, '-', b) -%}
    {%- elif step.op in ('min', 'max') -%}
        {%- set found = "case when " ~ a ~ (" <= " if step.op == 'min' else " >= ") ~ b ~ " then " ~ a ~ " else " ~ b ~ " end" -%}
        {%- set found = "case when " ~ a ~ " is not null and " ~ b ~ " is not null then " ~ found ~ " end" -%}
    {%- elif step.op == 'round_up' -%}
        {%- set found = with_sign_of(a, up_to_multiple("abs(" ~ a ~ ")", b)) -%}
    {%- elif step.op == 'round' -%}
        {%- set rest = "abs(" ~ a ~ ") % " ~ b -%}
        {#- a rest of half a step and more goes up -#}
        {%- set step_up = "case when " ~ rest ~ " >= " ~ b ~ " - " ~ rest ~ " then " ~ b ~ " else " ~ whole_literal('0') ~ " end" -%}
        {%- set found = with_sign_of(a, tried("(abs(" ~ a ~ ") - " ~ rest ~ ")", '+', step_up)) -%}
    {%- else -%} {{ exceptions.raise_compiler_error("No step is called " ~ step.op) }}
    {%- endif -%}
    {{ return(or_too_long(found, both, m, s, n, t)) }}
{%- endmacro %}

{#- A size with the sign of a number. -#}
{% macro with_sign_of(m, size) -%} {{ return("((case when " ~ m ~ " < 0 then -1 when " ~ m ~ " >= 0 then 1 end) * " ~ size ~ ")") }} {%- endmacro %}

{#- A size, or the next multiple of a step above it; null where that does not fit. -#}
{% macro up_to_multiple(size, step) -%}
    {%- set beyond = tried(size, '+', "(" ~ step ~ " - 1)") -%}
    {{ return("(" ~ beyond ~ " - " ~ beyond ~ " % " ~ step ~ ")") }}
{%- endmacro %}

{#- The columns of an operation on two numbers, where one of them or the outcome may be too long. -#}
{% macro or_too_long(found, scale, m, s, n, t) -%}
    {%- set is_too_long = s ~ " = -1 or " ~ t ~ " = -1 or (" ~ m ~ " is not null and " ~ n ~ " is not null and " ~ found ~ " is null)" -%}
    {{ return([('m', found), ('s', "case when " ~ is_too_long ~ " then -1 else " ~ scale ~ " end")]) }}
{%- endmacro %}

{#- Digits with as many decimals as `scale` says. -#}
{% macro aligned(m, s, scale) -%}
    {{ return("(case when " ~ m ~ " = 0 then " ~ whole_literal('0') ~ " else " ~ tried(m, '*', power_of_ten(scale ~ " - " ~ s)) ~ " end)") }}
{%- endmacro %}

{#- Billionths of a number (R-2): halves away from zero; null from 1e15 on. -#}
{% macro as_quantity(m, s) -%}
    {%- set unit = power_of_ten(s ~ " - 9") -%}
    {#- the unit alone may be too long, of which a half still counts -#}
    {%- set up = "case when abs(" ~ m ~ ") % " ~ unit ~ " >= " ~ unit ~ " - abs(" ~ m ~ ") % " ~ unit ~ " then 1 else 0 end" -%}
    {%- set found -%}
        (case
            when {{ m }} = 0 or {{ s }} > 47 then case when {{ m }} is not null then {{ whole_literal('0') }} end
            when {{ s }} <= 9 then {{ tried(m, '*', power_of_ten("9 - " ~ s)) }}
            when {{ unit }} is null
                then {{ with_sign_of(m, "case when abs(" ~ m ~ ") >= " ~ whole_literal('5' ~ '0' * 37) ~ " then 1 else 0 end") }}
            else {{ with_sign_of(m, "(" ~ quotient("abs(" ~ m ~ ")", unit) ~ " + " ~ up ~ ")") }}
        end)
    {%- endset -%}
    {{ return("case when abs(" ~ found ~ ") < " ~ whole_literal('1' ~ '0' * 24) ~ " then " ~ found ~ " end") }}
{%- endmacro %}

{#- Each event's billionths raised to a minimum (0 stays 0), then up to the next multiple, away from zero (R-91). -#}
{% macro rounded_each(m, step) -%}
    {%- set size = "abs(" ~ m ~ ")" -%}
    {%- if step.minimum is defined -%} {%- set size = "greatest(" ~ size ~ ", " ~ billionths(step.minimum) ~ ")" -%} {%- endif -%}
    {%- if step.up_to is defined -%}
        {%- set size = up_to_multiple(size, billionths(step.up_to)) -%}
    {%- endif -%}
    {%- set found = "case when " ~ m ~ " = 0 then " ~ whole_literal('0') ~ " else " ~ with_sign_of(m, size) ~ " end" -%}
    {{ return("case when " ~ m ~ " is not null and abs(" ~ found ~ ") < " ~ whole_literal('1' ~ '0' * 24) ~ " then " ~ found ~ " end") }}
{%- endmacro %}

{#- A number of the books in billionths. -#}
{% macro billionths(value) -%}
    {%- set parts = value.split('.') + [''] -%}
    {{ return(whole_literal(parts[0] ~ (parts[1] ~ '000000000')[:9])) }}
{%- endmacro %}

{#- The JSON text of a computed value: of a quantity, which is in billionths, as a number. -#}
{% macro computed_text(name, step) -%}
    {%- if step.op not in ('quantity', 'round_each') -%} {{ return(name ~ '_t') }} {%- endif -%}
    {%- set m = name ~ '_m' -%}
    {{ return(
        "case when " ~ m ~ " < 0 then '-' else '' end || cast(" ~ quotient("abs(" ~ m ~ ")", "1000000000") ~ " as string) || '.' || lpad(cast(abs("
        ~ m ~ ") % 1000000000 as string), 9, '0')"
    ) }}
{%- endmacro %}

{#- The value of the first band that a number is not above (R-95), as JSON text. -#}
{% macro band_text(name, bands) -%}
    {%- set branches = [] -%}
    {%- for limit, value in bands -%}
        {%- set text = quoted(tojson(value)) -%}
        {%- if limit is none -%} {%- do branches.append("when " ~ name ~ "_m is not null then " ~ text) -%}
        {%- else -%}
            {%- set literal = dict(number_literal(limit)) -%}
            {%- set both = "greatest(" ~ name ~ "_s, " ~ literal.s ~ ")" -%}
            {%- do branches.append(
                "when " ~ aligned(name ~ '_m', name ~ '_s', both) ~ " <= " ~ aligned(literal.m, literal.s, both) ~ " then " ~ text
            ) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return("case " ~ (branches | join(' ')) ~ " end") }}
{%- endmacro %}

{#- The value of the first range of hours that an event's local time lies in (R-94), as JSON text. In the zone of the contract, which may
    be one of several, the text has the value in each of them; `of_contract` takes the contract's. -#}
{% macro hours_text(step) -%}
    {%- if step.zones | length == 1 -%}
        {{ return(hours_in_zone(step, step.zones[0], quote=true)) }}
    {%- endif -%}
    {%- set values = [] -%}
    {%- for zone in step.zones -%} {%- do values.append("(" ~ hours_in_zone(step, zone, quote=false) ~ ")") -%} {%- endfor -%}
    {{ return("'\"␟hours␟' || " ~ (values | join(" || '␟' || ")) ~ " || '\"'") }}
{%- endmacro %}

{% macro hours_in_zone(step, zone, quote) -%}
    {%- set local = local_time('occurred_at', zone) -%}
    {%- set minute = "(hour(" ~ local ~ ") * 60 + minute(" ~ local ~ "))" -%}
    {%- set names = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] -%}
    {%- set branches = [] -%}
    {%- for range in step.ranges -%}
        {%- set begins = range['from'][:2] | int * 60 + range['from'][3:] | int -%}
        {%- set ends = range['to'][:2] | int * 60 + range['to'][3:] | int -%}
        {%- set days = [] -%}
        {%- set next_days = [] -%}
        {%- for day in range.days or names -%}
            {%- do days.append(names.index(day) + 1) -%}
            {%- do next_days.append((names.index(day) + 1) % 7 + 1) -%}
        {%- endfor -%}
        {%- set on_day = day_of_week(local) ~ " in (" ~ (days | join(', ')) ~ ")" -%}
        {%- set on_next = day_of_week(local) ~ " in (" ~ (next_days | join(', ')) ~ ")" -%}
        {%- if begins < ends -%}
            {%- set holds = on_day ~ " and " ~ minute ~ " >= " ~ begins ~ " and " ~ minute ~ " < " ~ ends -%}
        {%- else -%}
            {%- set holds = "((" ~ on_day ~ " and " ~ minute ~ " >= " ~ begins ~ ") or (" ~ on_next ~ " and " ~ minute ~ " < " ~ ends ~ "))" -%}
        {%- endif -%}
        {%- do branches.append("when " ~ holds ~ " then " ~ hours_value(range.value, quote)) -%}
    {%- endfor -%}
    {{ return("case " ~ (branches | join(' ')) ~ " else " ~ hours_value(step.otherwise, quote) ~ " end") }}
{%- endmacro %}

{#- A value as JSON text, or as a part of one; a part that is missing is ␀. -#}
{% macro hours_value(value, quote) -%}
    {%- if value is none -%} {{ return('null' if quote else "'␀'") }} {%- endif -%}
    {{ return(quoted(tojson(value) if quote else tojson(value)[1:-1])) }}
{%- endmacro %}

{#- Group values as they are in the zone of a contract, which is the nth of the zones that contracts lie in. -#}
{% macro of_contract(values, zone_no) -%}
    {%- set in_zone = "nullif(split_part(found, '␟', " ~ zone_no ~ " + 2), '␀')" -%}
    {{ return(mapped(values, 'found', "case when " ~ begins_with('found', "'␟hours␟'") ~ " then " ~ in_zone ~ " else found end")) }}
{%- endmacro %}

{#- Whether any group is read in the zone of the contract, where contracts lie in several. -#}
{% macro reads_zones_of_contracts(readings) -%}
    {%- set found = [] -%}
    {%- for reading in readings -%}
        {%- for property in reading.groups if property.startswith('[{"op":"hours"') -%}
            {%- if fromjson(property)[0].zones | length > 1 -%} {%- do found.append(property) -%} {%- endif -%}
        {%- endfor -%}
    {%- endfor -%}
    {{ return(found | length > 0) }}
{%- endmacro %}

{#- The longest prefix of each text that a table has (R-96): looked_up, json_text. -#}
{% macro longest_prefixes(relation, json, digest) -%}
    with texts as (
        select distinct
            {{ json }} as looked_up,
            {{ canonical_text(json) }} as content
        from {{ relation }}
        where {{ json }} is not null
    ),

    prefixes as (
        select
            prefix,
            value
        from {{ source('books', 'prefixes') }}
        where digest = {{ quoted(digest) }}
    ),

    longest as (
        select coalesce(max(length(prefix)), 0) as size
        from prefixes
    ),

    sizes as (
        select
            texts.looked_up,
            texts.content,
            {{ each_up_to('least(length(texts.content), longest.size)') }} as size
        from texts
        cross join longest
        where texts.content is not null
    )

    select
        sizes.looked_up,
        {{ json_string(last_of('prefixes.value', 'length(prefixes.prefix)')) }} as json_text
    from sizes
    inner join prefixes
        on left(sizes.content, sizes.size) = prefixes.prefix
    group by sizes.looked_up
{%- endmacro %}
