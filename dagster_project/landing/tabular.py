"""Parquet and CSV files to lines: every row becomes the JSON text that a sender of lines would have written.

So one reader and one set of rules serve every form. Numbers are written in plain decimal text, by value: a DECIMAL(38,9) of
12.500000000 is 12.5, a double is its shortest decimal text (R-1). The cells of a CSV file are texts.

What belongs here: columns and their types. What does not: what an event must hold.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final

import duckdb
import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from dagster_project.landing.columns import (
    PROPERTY_PREFIX,
    RECEIVED_AT,
    CsvForm,
    OpenSource,
    UnreadableColumns,
    columns_read,
    csv_form,
    open_quote,
    swallowed_rows,
    texts_with_line_ends,
)
from dagster_project.landing.counting import LinesOfBytes
from dagster_project.landing.event import FIELDS, NOT_UTF8, SPELLINGS
from dagster_project.landing.lines import lines
from dagster_project.landing.mapping import Mapping
from dagster_project.landing.queries import query
from dagster_project.landing.sqltext import is_text, members_as_object, quoted, time_text, value_of
from dagster_project.warehouse.database import literal

_BOTH: Final = "given more than once: properties; give each field once"
_BATCH_ROWS: Final = 65_536
_CSV_BLOCK_BYTES: Final = 1 << 23  # a row must fit


class AsTheyAre:
    """Rows whose columns are named as the fields of an event."""

    def columns(self, names: Sequence[str]) -> dict[str, str]:
        """The columns to read, each with the name it is read under; raises `UnreadableColumns`."""
        return columns_read(names)

    def lines(self, connection: duckdb.DuckDBPyConnection, file: int, position: np.ndarray, rows: pa.Table) -> pl.DataFrame:
        """LINES of rows."""
        return _rows_as_lines(connection, file, position, rows)


Rows = AsTheyAre | Mapping


def parquet_lines(
    connection: duckdb.DuckDBPyConnection, file: int, source: pa.NativeFile, rows_are: Rows, unread: Callable[[list[str]], None]
) -> Iterator[pl.DataFrame]:
    """LINES of one Parquet file; position is the row, from 1. rows_are: whose names the columns bear; of a foreign file the fields of
    a struct are columns too. unread: is told which columns nobody reads.

    Raises `UnreadableColumns` for what cannot be read as an event's, and where the rows are not as many as the footer says (R-10),
    and Arrow's errors where the file is broken.
    """
    parquet = pyarrow.parquet.ParquetFile(source)
    is_foreign = isinstance(rows_are, Mapping)
    whole = _flat(parquet.schema_arrow.empty_table()).schema if is_foreign else parquet.schema_arrow
    columns = rows_are.columns(whole.names)
    if not is_foreign:
        unread([name for name in whole.names if name not in columns])
    for name in columns:
        _require_readable(name, whole.field(name).type)
    tops = list(dict.fromkeys(name if name in parquet.schema_arrow.names else name.split(".")[0] for name in columns))
    before = 0
    for batch in parquet.iter_batches(batch_size=_BATCH_ROWS, columns=tops):
        position = np.arange(before + 1, before + batch.num_rows + 1)
        before += batch.num_rows
        _require_whole(batch)
        rows = pa.Table.from_batches([batch])
        rows = (_flat(rows) if is_foreign else rows).select(list(columns))
        yield rows_are.lines(connection, file, position, _cut_to_microseconds(_renamed(rows, columns)))
    if before != parquet.metadata.num_rows:
        raise UnreadableColumns(f"its footer says {parquet.metadata.num_rows:,} rows, and {before:,} were read")


def _flat(rows: pa.Table) -> pa.Table:
    """The rows with the fields of structs as columns named by their path."""
    while any(pa.types.is_struct(field.type) for field in rows.schema):
        rows = rows.flatten()
    return rows


def _require_readable(name: str, kind: pa.DataType) -> None:
    """Raise `UnreadableColumns` for types that DuckDB does not take, within structs and maps too."""
    inner = [kind.key_type, kind.item_type] if pa.types.is_map(kind) else [field.type for field in _fields_of(kind)]
    if pa.types.is_decimal256(kind) or pa.types.is_float16(kind):
        raise UnreadableColumns(
            f"its column `{name}` is {kind}, which is not read; write it as text, or as decimal of up to 38 digits, or double"
        )
    if any(field.name == "" for field in _fields_of(kind)):
        raise UnreadableColumns(f"its column `{name}` holds a field without a name; give it one, or leave it out")
    for one in inner:
        _require_readable(name, one)


def _fields_of(kind: pa.DataType) -> list[pa.Field]:
    return [kind.field(number) for number in range(kind.num_fields)] if pa.types.is_struct(kind) else []


def _require_whole(batch: pa.RecordBatch) -> None:
    """Raise `UnreadableColumns` for rows that DuckDB would stumble over: text that is no text, and maps with a key twice."""
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        try:
            column.validate(full=True)
        except pa.ArrowInvalid as error:
            said = "holds text that is not UTF-8" if "UTF8" in str(error) else f"is damaged ({str(error).splitlines()[0]})"
            raise UnreadableColumns(f"its column `{name}` {said}; write it again as UTF-8") from None
        if pa.types.is_map(column.type):
            members = pl.DataFrame({"row": _rows_of_members(column), "key": pl.from_arrow(column.keys.cast(pa.string()))})
            if members.is_duplicated().any():
                raise UnreadableColumns(f"its column `{name}` holds a map with one key twice; keep one of them")


def _rows_of_members(maps: pa.MapArray) -> pl.Series:
    """The row that each member of a column of maps is of."""
    counts = np.diff(maps.offsets.to_numpy(zero_copy_only=False))
    return pl.Series(np.repeat(np.arange(len(counts)), counts))


def csv_lines(
    connection: duckdb.DuckDBPyConnection,
    file: int,
    open_source: OpenSource,
    rows_are: Rows,
    look: Callable[[str], None],
    unread: Callable[[list[str]], None],
) -> Iterator[pl.DataFrame]:
    """LINES of one CSV file; position is the row after its header, from 1. rows_are: whose names its columns bear.

    An empty cell is null, a quoted empty cell an empty text. A row with more or fewer cells than the header has a fault.
    look: is told what is no fault but may be one; unread: which columns nobody reads. Raises `UnreadableColumns`, also
    where the rows are not as many lines as the bytes hold (R-10), and Arrow's errors where the file cannot be read.
    """
    is_foreign = isinstance(rows_are, Mapping)
    form = (
        csv_form(open_source, rows_are.source.format, rows_are.names)
        if isinstance(rows_are, Mapping)
        else csv_form(open_source)
    )
    if form is None:
        return
    columns = rows_are.columns(form.names)
    if not is_foreign:
        unread([name for name in form.names if name not in columns])
    counted = LinesOfBytes()
    if row := open_quote(form, counted):
        raise UnreadableColumns(
            f"a quote opened in row {row} is never closed; close it, or double it where it is part of a text"
        )
    read = int(form.has_header)
    swallowed = skipped_lines = 0
    misshapen: list[pyarrow.csv.InvalidRow] = []

    def skip(row: pyarrow.csv.InvalidRow) -> str:
        nonlocal skipped_lines
        skipped_lines += 1 + row.text.count("\n")
        misshapen.append(row)
        return "skip"

    before = 0
    for batch in _csv_reader(form, skip):
        # rows are numbered with those that were skipped among them; some may lie ahead, in the block that is being read
        skipped = np.array([form.position(row.number) for row in misshapen], dtype=np.int64)
        ahead = np.arange(before + 1, before + 1 + batch.num_rows + len(skipped))
        position = np.setdiff1d(ahead, skipped, assume_unique=True)[: batch.num_rows]
        before = int(position[-1]) if len(position) else before
        rows = pa.Table.from_batches([batch])
        with_line_ends = [*texts_with_line_ends(rows)]
        read += rows.num_rows + sum(text.count(b"\n") for text in with_line_ends)
        swallowed += swallowed_rows(form, with_line_ends)
        yield _cells_as_lines(connection, file, position, _renamed(rows.select(list(columns)), columns), rows_are)
        yield _misshapen_lines(file, form, [row for row in misshapen if form.position(row.number) <= before])
        misshapen = [row for row in misshapen if form.position(row.number) > before]
    yield _misshapen_lines(file, form, misshapen)
    if difference := counted.difference(read + skipped_lines):
        raise UnreadableColumns(difference)
    if swallowed:
        look(f"{swallowed:,} of its texts hold what reads as rows of their own; a quote may be closed too late")


def _renamed(rows: pa.Table, columns: dict[str, str]) -> pa.Table:
    """The rows under the names that their columns are read under."""
    return rows.rename_columns([columns[name] for name in rows.column_names])


def _cut_to_microseconds(rows: pa.Table) -> pa.Table:
    """Times in nanoseconds without their last three digits: DuckDB would round them."""
    for index, field in enumerate(rows.schema):
        if pa.types.is_timestamp(field.type) and field.type.unit == "ns":
            cut = rows.column(index).cast(pa.timestamp("us", field.type.tz), safe=False)
            rows = rows.set_column(index, field.name, cut)
    return rows


def _csv_reader(form: CsvForm, on_invalid_row: Callable[[pyarrow.csv.InvalidRow], str]) -> pyarrow.csv.CSVStreamingReader:
    return pyarrow.csv.open_csv(
        form.open_source(),
        read_options=pyarrow.csv.ReadOptions(
            use_threads=False, block_size=_CSV_BLOCK_BYTES, column_names=None if form.has_header else form.names
        ),
        parse_options=pyarrow.csv.ParseOptions(
            delimiter=form.separator, newlines_in_values=True, invalid_row_handler=on_invalid_row
        ),
        convert_options=pyarrow.csv.ConvertOptions(
            check_utf8=False,
            column_types=dict.fromkeys(form.names, pa.binary()),
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
        ),
    )


def _misshapen_lines(file: int, form: CsvForm, rows: list[pyarrow.csv.InvalidRow]) -> pl.DataFrame:
    frame = pl.DataFrame(
        [(form.position(row.number), row.text, row.actual_columns, row.expected_columns) for row in rows],
        schema={"position": pl.Int64, "line": pl.String, "actual": pl.Int64, "expected": pl.Int64},
        orient="row",
    )
    others = "the header has" if form.has_header else "others have"
    fault = frame.select(pl.format(f"the row has {{}} cells where {others} {{}}", "actual", "expected")).to_series()
    return lines(file, frame["position"], frame["line"], fault=fault)


def _cells_as_lines(
    connection: duckdb.DuckDBPyConnection, file: int, position: np.ndarray, cells: pa.Table, rows_are: Rows
) -> pl.DataFrame:
    """LINES of rows whose cells are bytes: a row with a cell that is not UTF-8 has a fault."""
    try:
        texts = cells.cast(pa.schema([(name, pa.string()) for name in cells.column_names]))
    except pa.ArrowInvalid:
        decoded = ", ".join(f"try(decode({quoted(name)})) as {quoted(name)}" for name in cells.column_names)
        is_wrong = " or ".join(
            f"(try(decode({quoted(name)})) is null and {quoted(name)} is not null)" for name in cells.column_names
        )
        frame = query(connection, f"select {decoded}, {is_wrong} as is_wrong from rows", cells)
        rows = rows_are.lines(connection, file, position, frame.drop("is_wrong").to_arrow())
        return rows.with_columns(fault=pl.when(frame["is_wrong"]).then(pl.lit(NOT_UTF8)).otherwise(rows["fault"]))
    return rows_are.lines(connection, file, position, texts)


def _rows_as_lines(connection: duckdb.DuckDBPyConnection, file: int, position: np.ndarray, rows: pa.Table) -> pl.DataFrame:
    types = {name: rows.schema.field(name).type for name in rows.column_names}
    stated = [time_text(quoted(name), types[name]) for name in RECEIVED_AT if name in types]
    received_at = f"coalesce({', '.join(stated)})" if stated else "null::varchar"
    members = _members(types)
    both = " and ".join(f"({value}) is not null" for name, value in members if name == "properties")
    fault = f"case when {both} then {literal(_BOTH)} end" if " and " in both else "null::varchar"
    sql = f"select {members_as_object(members)} as line, {received_at} as received_at, {fault} as fault from rows"
    nothing = {"line": ["{}"] * rows.num_rows, "received_at": None, "fault": None}
    made = query(connection, sql, rows) if types else pl.DataFrame(nothing)
    return lines(file, position, made["line"], received_at=made["received_at"], fault=made["fault"])


def _members(types: dict[str, pa.DataType]) -> list[tuple[str, str]]:
    """The members of an event's object: name, and SQL that gives the JSON text of its value or null.

    `properties` is there twice where there are both a column of that name and `properties.x` columns.
    """
    fields = [
        (name, _field(name, types[name])) for name in (*FIELDS, *SPELLINGS.values()) if name in types and name != "properties"
    ]
    whole = [("properties", _properties(types["properties"]))] if "properties" in types else []
    dotted = [
        (name.removeprefix(PROPERTY_PREFIX), value_of(quoted(name), kind))
        for name, kind in types.items()
        if name.startswith(PROPERTY_PREFIX)
    ]
    return [*fields, *whole, *([("properties", f"nullif({members_as_object(dotted)}, '{{}}')")] if dotted else [])]


def _field(name: str, kind: pa.DataType) -> str:
    column = quoted(name)
    if pa.types.is_temporal(kind):
        return f"to_json({time_text(column, kind)})"
    if name == "tombstone" and is_text(kind):
        return f"case lower({column}) when 'true' then 'true' when 'false' then 'false' when '' then null else to_json({column}) end"
    return f"to_json({column})"


def _properties(kind: pa.DataType) -> str:
    if is_text(kind):
        return "case when properties = '' then null when json_valid(properties) then properties else to_json(properties) end"
    if pa.types.is_map(kind):
        member = f"to_json(e.key::varchar) || ':' || {value_of('e.value', kind.item_type)}"
        return f"'{{' || array_to_string(list_transform(map_entries(properties), lambda e: {member}), ',') || '}}'"
    if pa.types.is_struct(kind):
        members = [(field.name, value_of(f"properties.{quoted(field.name)}", field.type)) for field in kind]
        return f"case when properties is not null then {members_as_object(members)} end"
    return "to_json(properties)"
