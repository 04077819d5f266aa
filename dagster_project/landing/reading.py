"""Lines of JSON text to fields: DuckDB parses every line, once.

What belongs here: what stands where in the text. What does not: what it has to be (`validation`).
"""

from __future__ import annotations

from typing import Final

import duckdb
import polars as pl

from dagster_project.landing import numbers
from dagster_project.landing.findings import FINDINGS, unread_fields
from dagster_project.landing.flattening import flattened
from dagster_project.landing.queries import query
from dagster_project.landing.times import read_times

SPELLINGS: Final = {
    "event_name": "eventName",
    "customer_id": "customerId",
    "external_customer_id": "externalCustomerId",
    "contract_id": "contractId",
    "idempotency_key": "idempotencyKey",
}
FIELDS: Final = (*SPELLINGS, "timestamp", "properties", "tombstone")

_READ: Final = {*FIELDS, *SPELLINGS.values()}
_SHAPES_MAX: Final = 200  # of lines whose unread fields are looked at: where every line has its own, a few say it

NOT_JSON: Final = "the line is not valid JSON"
NOT_UTF8: Final = "the line is not valid UTF-8"

_SHAPE: Final = "{" + ",".join(f'"{name}":"JSON"' for name in (*FIELDS, *SPELLINGS.values())) + "}"
_FIELDS: Final = f"""
select
    hash(keys) as shape,
    nullif(array_to_string(list_filter(keys, lambda k: starts_with(k, '$')), ', '), '') as reserved,
    fields.*,
    case when json_type(fields.timestamp) = 'VARCHAR' then fields.timestamp ->> '$' end as time_text,
    hash(json_keys(fields.properties)) as properties_shape
from (select json_keys(line) as keys, json_transform(line, '{_SHAPE}') as fields from rows)
"""
_VALID: Final = "select json_valid(line) as is_valid from rows"
_NESTED: Final = """
select row_number, line
from rows
where len(list_filter(json_type(properties, '$.*'), lambda t: t in ('ARRAY', 'OBJECT'))) > 0
"""
_TWICE: Final = """
select shape, array_to_string(list_distinct(list_filter(keys, lambda k: len(list_filter(keys, lambda o: o = k)) > 1)), ', ') as twice
from (select shape, json_keys(object) as keys from rows)
where len(keys) <> len(list_distinct(keys))
"""


def read_fields(
    connection: duckdb.DuckDBPyConnection, lines: pl.DataFrame, zone: str = "UTC"
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Every field of every line as it was written.

    In: LINES; the time zone of bare dates. Out: the lines that are JSON with their fields, and the lines that are not, with a `fault`.

    A field is JSON text, under each of its spellings; null where it is absent or null. `properties` has every number by its
    decimal text (R-1), and is flat (R-93). Beside them: instant and stated_at, when timestamp and received_at are (UTC; null: no
    time); is_bare_date; reserved, fields that begin with `$` (null: none); is_nested, properties held lists or objects,
    with so many `leaves`; is_too_deep; is_out_of_range, a number's exponent is; twice and properties_twice, keys that the
    line or its properties give more than once (null: none).
    """
    readable, unreadable = _parted(lines)
    try:
        fields = query(connection, _FIELDS, readable)
    # asked only after a failure, so that a chunk of nothing but JSON is parsed once; DuckDB's message may cut a character in two
    except (duckdb.InvalidInputException, UnicodeDecodeError):
        readable, not_json = _parted(_with_faults(readable, query(connection, _VALID, readable).get_column("is_valid")))
        unreadable = pl.concat([unreadable, not_json])
        fields = query(connection, _FIELDS, readable)
    read = pl.concat([readable, fields], how="horizontal").with_row_index("row_number")
    read = read.with_columns(
        *read_times(connection, read.get_column("time_text"), zone).get_columns(),
        _keys_twice(connection, read, "shape", "line").alias("twice"),
        _keys_twice(connection, read, "properties_shape", "properties").alias("properties_twice"),
        _stated_at(connection, read).alias("stated_at"),
    )
    read, not_json = _parted(_with_exact_numbers(connection, _with_flat_properties(connection, read)))
    return read, pl.concat([unreadable, not_json.select(lines.columns)])


def unread_in(connection: duckdb.DuckDBPyConnection, fields: pl.DataFrame, events: pl.DataFrame) -> pl.DataFrame:
    """FINDINGS about fields that nobody reads. fields: as `read_fields` gives them; events: those of them that are events."""
    taken = fields.join(events.select("file", "position", "element"), on=["file", "position", "element"], how="semi")
    examples = taken.select("shape", "line")[taken.get_column("shape").arg_unique()]
    keys = query(connection, "select shape, json_keys(line) as keys from rows", examples)
    found = []
    for shape, names in keys.iter_rows():
        if unread := [name for name in dict.fromkeys(names or []) if name not in _READ]:
            alike = taken.filter(pl.col("shape") == shape)
            found.append(unread_fields(alike.get_column("file"), alike.get_column("position"), unread))
            if len(found) == _SHAPES_MAX:
                break
    return pl.concat([pl.DataFrame(schema=FINDINGS), *found])


def _parted(lines: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    is_readable = lines.get_column("fault").is_null()
    return (lines, lines.clear()) if is_readable.all() else (lines.filter(is_readable), lines.filter(~is_readable))


def _with_faults(lines: pl.DataFrame, is_valid: pl.Series) -> pl.DataFrame:
    return lines.with_columns(fault=pl.when(~is_valid).then(pl.lit(NOT_JSON)))


def _keys_twice(connection: duckdb.DuckDBPyConnection, read: pl.DataFrame, shape: str, text: str) -> pl.Series:
    """The keys an object gives more than once: looked for in one object of each list of keys, of which there are few."""
    examples = read.select(pl.col(shape).alias("shape"), pl.col(text).alias("object"))[read.get_column(shape).arg_unique()]
    found = query(connection, _TWICE, examples.drop_nulls("object"))
    if found.is_empty():
        return pl.repeat(None, read.height, dtype=pl.String, eager=True)
    return read.get_column(shape).replace_strict(found["shape"], found["twice"], default=None, return_dtype=pl.String)


def _with_flat_properties(connection: duckdb.DuckDBPyConnection, read: pl.DataFrame) -> pl.DataFrame:
    """Properties that nest as flat ones (R-93), beside them is_nested, leaves and is_too_deep."""
    suspects = read.filter(
        pl.col("properties").str.starts_with("{"), pl.col("properties").str.slice(1).str.contains_any(["[", "{"])
    )
    nested = query(connection, _NESTED, suspects.select("row_number", "line", "properties")) if suspects.height else suspects
    if nested.is_empty():
        return read.with_columns(is_nested=False, leaves=pl.lit(None, dtype=pl.Int64), is_too_deep=False)
    flat = flattened(connection, nested.get_column("line")).rename({"properties": "flat_properties", "twice": "flat_twice"})
    flat = flat.with_columns(nested.get_column("row_number"), is_nested=True)
    return read.join(flat, on="row_number", how="left", maintain_order="left").with_columns(
        properties=pl.coalesce("flat_properties", "properties"),
        properties_twice=pl.coalesce("properties_twice", "flat_twice"),
        is_nested=pl.col("is_nested").fill_null(value=False),
        is_too_deep=pl.col("is_too_deep").fill_null(value=False),
    )


def _stated_at(connection: duckdb.DuckDBPyConnection, read: pl.DataFrame) -> pl.Series:
    if read.get_column("received_at").null_count() == read.height:
        return pl.repeat(None, read.height, dtype=pl.Datetime("us"), eager=True)
    return read_times(connection, read.get_column("received_at"), "UTC").get_column("instant")


def _with_exact_numbers(connection: duckdb.DuckDBPyConnection, read: pl.DataFrame) -> pl.DataFrame:
    doubtful = read.filter(pl.col("line").str.contains(numbers.DOUBTFUL))
    if doubtful.is_empty():
        return read.with_columns(is_out_of_range=False)
    is_flat = pl.col("properties").str.starts_with("{") & ~pl.col("is_nested") & pl.col("properties_twice").is_null()
    exact = numbers.exact_properties(connection, doubtful.select("row_number", "line", is_flat=is_flat.fill_null(value=False)))
    return read.join(exact, on="row_number", how="left", maintain_order="left").with_columns(
        properties=pl.coalesce("exact_properties", "properties"),
        is_out_of_range=pl.col("is_out_of_range").fill_null(value=False),
        fault=pl.when("is_loose").then(pl.lit(NOT_JSON)),
    )
