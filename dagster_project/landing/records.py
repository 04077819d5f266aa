"""Records of foreign JSON files (R-113): where they lie in a document, and their values by path.

What belongs here: taking records out, flattening what nests, keeping digits. What does not: which value says what (`mapping`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

import duckdb
import polars as pl

from dagster_project.landing.columns import UnreadableColumns
from dagster_project.landing.counting import LinesOfBytes
from dagster_project.landing.event import NOT_JSON
from dagster_project.landing.flattening import entries_of
from dagster_project.landing.line_splitter import cut, lines_of
from dagster_project.landing.lines import BLANK, LINES, lines
from dagster_project.landing.mapping import Mapping
from dagster_project.landing.numbers import LOOSE, STRING
from dagster_project.landing.pieces import is_utf8
from dagster_project.landing.queries import query
from dagster_project.warehouse.database import literal

DOCUMENT_BYTES_MAX: Final = 1 << 30  # of a document whose records lie somewhere inside: it is parsed whole

_RECORDS: Final = """
select
    case when json_valid(line) and json_type(line) = 'OBJECT' then numbers_as_texts(line) end as record,
    not json_valid(line)
        or (regexp_matches(line, $loose) and regexp_matches(regexp_replace(line, $string, '', 'g'), $loose)) as is_wrong
from rows
"""


def record_lines(
    connection: duckdb.DuckDBPyConnection, file: int, pieces: Callable[[], Iterator[bytes]], mapping: Mapping
) -> Iterator[pl.DataFrame]:
    """LINES of a foreign JSON file. Raises `UnreadableColumns` where it has no list of records where the source says."""
    if mapping.source.records is None:
        for piece in cut(file, pieces, LinesOfBytes().see):
            yield _mapped(connection, lines_of(piece), mapping)
    else:
        yield _mapped(connection, _records_inside(connection, file, pieces, mapping.source.records), mapping)


def _mapped(connection: duckdb.DuckDBPyConnection, found: pl.DataFrame, mapping: Mapping) -> pl.DataFrame:
    readable, unreadable = found.filter(pl.col("fault").is_null()), found.filter(pl.col("fault").is_not_null())
    said = query(connection, _RECORDS.replace("$loose", literal(LOOSE)).replace("$string", literal(STRING)), readable)
    readable = readable.with_columns(record=said["record"], fault=pl.when(said["is_wrong"]).then(pl.lit(NOT_JSON)))
    is_record = pl.col("record").is_not_null() & pl.col("fault").is_null()
    records, others = readable.filter(is_record), readable.filter(~is_record).select(*LINES)
    mapped = mapping.of_records(connection, entries_of(connection, records)) if records.height else records.select(*LINES)
    return pl.concat([mapped, others, unreadable]).sort("position", "element")


def _records_inside(
    connection: duckdb.DuckDBPyConnection, file: int, pieces: Callable[[], Iterator[bytes]], path: str
) -> pl.DataFrame:
    """LINES of the elements of the list at a path, of a whole document or of every line."""
    content = b""
    for piece in pieces():
        content += piece
        if len(content) > DOCUMENT_BYTES_MAX:
            raise UnreadableColumns(f"it is longer than {DOCUMENT_BYTES_MAX >> 30} GiB; write its records as lines, one a line")
    content = content.removeprefix(b"\xef\xbb\xbf")
    if not is_utf8(content):
        raise UnreadableColumns("it is not UTF-8; save it as UTF-8")
    text = content.decode()
    whole = pl.DataFrame({"position": [1], "line": [text]}, schema={"position": pl.Int64, "line": pl.String})
    is_document = bool(query(connection, "select json_valid(line) as is_valid from rows", whole).item())
    if is_document:
        values = whole
    else:
        each = pl.DataFrame({"line": text.split("\n")}).with_row_index("position", offset=1)
        values = each.with_columns(pl.col("line").str.strip_chars(BLANK)).filter(pl.col("line") != "")
    steps = literal_path(path)
    sql = f"""
        select position, line, json_valid(line) as is_valid,
            case when json_valid(line) and json_type(line, {steps}) = 'ARRAY' then from_json(
                json_extract(numbers_as_texts(line), {steps}), '["JSON"]'
            )::varchar[] end as records
        from rows
    """
    found = query(connection, sql, values)
    without = found.filter(pl.col("records").is_null())
    if without.height == found.height:
        raise UnreadableColumns(f"it has no list at `{path}`, where the source says that its records are")
    each = found.filter(pl.col("records").list.len() > 0).select("position", line="records")
    each = each.with_columns(element=pl.int_ranges(1, pl.col("line").list.len() + 1)).explode("line", "element")
    if is_document:
        each = each.with_columns(position="element", element=pl.lit(0))
    fault = pl.when("is_valid").then(pl.lit(f"the line has no list at `{path}`")).otherwise(pl.lit(NOT_JSON))
    without = without.select("position", "line", element=pl.lit(0), fault=fault)
    every = pl.concat(
        [each.with_columns(fault=pl.lit(None, dtype=pl.String)), without.select("position", "line", "element", "fault")],
        how="diagonal_relaxed",
    )
    return lines(file, every["position"].cast(pl.Int64), every["line"], element=every["element"], fault=every["fault"])


def literal_path(path: str) -> str:
    """SQL for a path of keys: `data.items`."""
    return literal("$" + "".join(f'."{step}"' for step in path.split(".")))
