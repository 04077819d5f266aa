"""Foreign records taken apart into values by path (R-113): `{"a": {"b": 1}}` holds `a.b`, whatever nests how, with every digit (R-1).

What belongs here: paths, and numbers as texts. What does not: which value says what (`mapping`), and nested `properties`.
"""

from __future__ import annotations

from typing import Final

import duckdb
import polars as pl

from dagster_project.landing.properties import DEPTH_MAX
from dagster_project.landing.queries import query

_MARK: Final = r"\u001E"  # before the digits of a number, which travels as a text; written as DuckDB writes it
MACROS: Final = rf"""
create or replace macro record_value(entries, path) as list_filter(entries, lambda e: e.key = path and e.value <> 'null')[-1].value;
create or replace macro record_text(value) as ltrim(value ->> '$', chr(30));
create or replace macro with_bare_numbers(value) as regexp_replace(value, '"\{_MARK}([^"]*)"', '\1', 'g');
create or replace macro record_member(value) as case
    when starts_with(value, '"{_MARK}') then to_json(coalesce(plain_number(record_text(value)), record_text(value)))
    when starts_with(value, '[') or starts_with(value, '{{') then to_json(with_bare_numbers(value))
    else value
end;
-- every number of a JSON text as a text with its digits
create or replace macro numbers_as_texts(json_text) as replace(replace(replace(replace(
    numbers_between_signs(json_text), chr(30) || '"', '"'), '"' || chr(31), '"'), chr(30), '"{_MARK}'), chr(31), '"');
"""

_ENTRIES: Final = """
select coalesce(
    list_transform(
        range(1, len(json_keys(record)) + 1), lambda i: {'key': json_keys(record)[i], 'value': json_extract(record, '$.*')[i]::varchar}
    ), []
) as entries
from rows
"""
_ONE_LEVEL: Final = """
select list_concat(
    list_filter(entries, lambda e: not starts_with(e.value, '{')),
    list_filter(
        flatten(list_transform(list_filter(entries, lambda e: starts_with(e.value, '{')), lambda e: list_transform(
            range(1, len(json_keys(e.value)) + 1),
            lambda i: {
                'key': e.key || '.' || json_keys(e.value::json)[i], 'value': json_extract(e.value::json, '$.*')[i]::varchar
            }
        ))),
        lambda c: not list_contains(list_transform(entries, lambda e: e.key), c.key)
    )
) as entries
from rows
"""
_NESTS: Final = (
    "select coalesce(bool_or(len(list_filter(entries, lambda e: starts_with(e.value, '{'))) > 0), false) as nests from rows"
)


def entries_of(connection: duckdb.DuckDBPyConnection, records: pl.DataFrame, rounds: int = DEPTH_MAX) -> pl.DataFrame:
    """The records with `entries`: their values by path, objects taken apart; a key that has the dots itself goes before a path."""
    entries = query(connection, _ENTRIES, records.select("record"))
    for _ in range(rounds):
        if not query(connection, _NESTS, entries).item():
            break
        entries = query(connection, _ONE_LEVEL, entries)
    return records.drop("record").with_columns(entries["entries"])
