"""Numbers by their decimal text (R-1, R-15): DuckDB macros, and the JSON numbers that a double would bend.

DuckDB reads a JSON number through a double, so at most 15 significant digits are sure to survive, and it writes some of them with an
exponent. Lines with such a number are few: one regular expression finds them, and only there every number is turned into a
JSON string holding its plain decimal text before anything else looks at it.
"""

from __future__ import annotations

from typing import Final

import duckdb
import polars as pl

from dagster_project.landing.queries import query

_SAFE_DIGITS: Final = 15  # of a decimal fraction; whole numbers are safe up to 18, for they are read as such
_LONG_FRACTION: Final = "|".join(
    [
        *(rf"[0-9]{{{whole}}}\.[0-9]{{{_SAFE_DIGITS + 1 - whole}}}" for whole in range(1, _SAFE_DIGITS + 1)),
        rf"[0-9]{{{_SAFE_DIGITS + 1},}}\.",
    ]
)
DOUBTFUL: Final = (
    # a number that is long, has an exponent, would be printed with one, or is a negative zero
    rf":\s*-?(?:[0-9]{{19}}|{_LONG_FRACTION}|[0-9.]+[eE]|0\.00000)|:\s*-0"
    # what DuckDB takes for JSON and JSON is not: NaN, Infinity, a comma before a closing bracket
    r"|[:\[,]\s*-?(?:[nN][aA][nN]|[iI][nN][fF])|,\s*[}\]]"
)
EXPONENT_MAX: Final = 999  # more zeros than this make no quantity, and 1e999999999 must not fill the memory

_BEFORE, _AFTER = "\x1e", "\x1f"  # control characters, which valid JSON never holds as they are
LOOSE: Final = r"(?i)nan|inf|,\s*[}\]]"
STRING: Final = r'"(?:[^"\\]|\\.)*"'
_NUMBER: Final = r"-?[0-9][0-9.eE+-]*"

_MACROS: Final = rf"""
create or replace macro with_point_at(digits, place) as case
    when place <= 0 then '0.' || repeat('0', -place) || digits
    when place >= length(digits) then digits || repeat('0', place - length(digits)) || '.'
    else digits[:place] || '.' || digits[place + 1:]
end;
create or replace macro without_idle_zeros(plain, sign) as case
    when plain is null then null
    when regexp_matches(plain, '[1-9]') then sign || regexp_replace(rtrim(rtrim(plain, '0'), '.'), '^0+([0-9])', '\1')
    else '0'
end;
create or replace macro exponent_of(written) as case
    when not regexp_matches(written, '[eE]') then 0
    when abs(try_cast(regexp_extract(written, '[eE][+]?(.*)$', 1) as integer)) <= {EXPONENT_MAX}
        then try_cast(regexp_extract(written, '[eE][+]?(.*)$', 1) as integer)
end;
create or replace macro without_exponent(written) as without_idle_zeros(
    with_point_at(
        regexp_extract(written, '^-?([0-9]*)', 1) || regexp_extract(written, '[.]([0-9]*)', 1),
        length(regexp_extract(written, '^-?([0-9]*)', 1)) + exponent_of(written)
    ),
    regexp_extract(written, '^-?')
);
create or replace macro without_negative_zero(plain) as case when plain = '-0' then '0' else plain end;
-- any notation to plain text, by value: '1.10' is '1.1', '1E+2' is '100', '-0' is '0'; null: an exponent beyond the limit
create or replace macro plain_number(written) as case
    when contains(written, 'e') or contains(written, 'E') then without_exponent(written)
    when contains(written, '.') then without_negative_zero(rtrim(rtrim(written, '0'), '.'))
    else without_negative_zero(written)
end;
-- every string and number of a JSON text between two signs
create or replace macro numbers_between_signs(json_text) as
    regexp_replace(json_text, '{STRING}|{_NUMBER}', '{_BEFORE}\0{_AFTER}', 'g');
-- every number of a JSON text as a list of one string: a type that a flat object has no other use for
create or replace macro numbers_marked(json_text) as replace(replace(replace(replace(
    numbers_between_signs(json_text),
    '{_BEFORE}"', '"'), '"{_AFTER}', '"'), '{_BEFORE}', '["'), '{_AFTER}', '"]');
"""

_EXACT: Final = rf"""
select
    row_number,
    is_loose,
    len(list_filter(members, lambda m: m is null)) > 0 as is_out_of_range,
    '{{' || array_to_string(members, ',') || '}}' as exact_properties
from (
    select
        row_number,
        is_loose,
        list_transform(list_filter(map_entries(properties), lambda e: e.value is not null), lambda e: to_json(e.key) || ':' || case
            when starts_with(e.value, '[') then to_json(plain_number(e.value ->> '$[0]')) else e.value
        end) as members
    from (
        select
            row_number,
            case when regexp_matches(line, '{LOOSE}') then regexp_matches(regexp_replace(line, '{STRING}', '', 'g'), '{LOOSE}')
                else false end as is_loose,
            from_json(
                case when is_flat and regexp_matches(regexp_replace(line, '{STRING}', '""', 'g'), '{DOUBTFUL}')
                    then json_extract(numbers_marked(line), '$.properties')
                end,
                '"MAP(VARCHAR,JSON)"'
            ) as properties
        from rows
    )
)
"""


def define_macros(connection: duckdb.DuckDBPyConnection) -> None:
    """Give a connection `plain_number` and what `exact_properties` rests on."""
    connection.execute(_MACROS)


def exact_properties(connection: duckdb.DuckDBPyConnection, doubtful: pl.DataFrame) -> pl.DataFrame:
    """The properties of doubtful lines with every number as a string in plain decimal text (R-1, R-15).

    In: row_number; line, an object that DuckDB takes for JSON; is_flat, whether its properties are a flat object without double
    keys. Out, row for row: row_number; is_loose, true where the line is no JSON after all; is_out_of_range, true where a number
    has an exponent beyond `EXPONENT_MAX`; exact_properties, JSON text, null where not is_flat or where only texts looked doubtful.
    """
    return query(connection, _EXACT, doubtful)
