"""Numbers of tables and of foreign records by their decimal text (R-1, R-15): DuckDB macros, for there DuckDB reads them.

They give what `rating.books.values.canonical_number` gives, which numbers in events are written by.
"""

from __future__ import annotations

from typing import Final

import duckdb

from dagster_project.landing.properties import EXPONENT_MAX

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
"""


def define_macros(connection: duckdb.DuckDBPyConnection) -> None:
    """Give a connection `plain_number` and `numbers_between_signs`."""
    connection.execute(_MACROS)
