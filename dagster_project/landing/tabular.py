"""Parquet and CSV files to lines: every row becomes the JSON text that a sender of lines would have written.

So one reader and one set of rules serve every form. Numbers are written in plain decimal text, by value: a DECIMAL(38,9) of
12.500000000 is 12.5, a double is its shortest decimal text (R-1). The cells of a CSV file are texts.

What belongs here: columns and their types. What does not: what an event must hold.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
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
)
from dagster_project.landing.cutting import NOT_UTF8
from dagster_project.landing.lines import lines
from dagster_project.landing.queries import query
from dagster_project.landing.reading import FIELDS, SPELLINGS

_BATCH_ROWS: Final = 65_536
_CSV_BLOCK_BYTES: Final = 1 << 23  # a row must fit


def parquet_lines(
    connection: duckdb.DuckDBPyConnection, file: int, source: pa.NativeFile, unread: Callable[[list[str]], None]
) -> Iterator[pl.DataFrame]:
    """LINES of one Parquet file; position is the row, from 1. unread: is told which columns nobody reads.

    Raises `UnreadableColumns` for what cannot be read as an event's, and Arrow's errors where the file is broken.
    """
    parquet = pyarrow.parquet.ParquetFile(source)
    columns = columns_read(parquet.schema_arrow.names)
    unread([name for name in parquet.schema_arrow.names if name not in columns])
    for name in columns:
        _require_readable(name, parquet.schema_arrow.field(name).type)
    before = 0
    for batch in parquet.iter_batches(batch_size=_BATCH_ROWS, columns=list(columns)):
        position = np.arange(before + 1, before + batch.num_rows + 1)
        before += batch.num_rows
        _require_whole(batch)
        yield _rows_as_lines(
            connection, file, position, _cut_to_microseconds(_renamed(pa.Table.from_batches([batch]), columns))
        )


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
    look: Callable[[str], None],
    unread: Callable[[list[str]], None],
) -> Iterator[pl.DataFrame]:
    """LINES of one CSV file with a header; position is the row after it, from 1.

    An empty cell is null, a quoted empty cell an empty text. A row with more or fewer cells than the header has a fault.
    look: is told what is no fault but may be one; unread: which columns nobody reads. Raises `UnreadableColumns`, and Arrow's
    errors where the file cannot be read.
    """
    form = csv_form(open_source)
    if form is None:
        return
    columns = columns_read(form.names)
    unread([name for name in form.names if name not in columns])
    if row := open_quote(form):
        raise UnreadableColumns(
            f"a quote opened in row {row} is never closed; close it, or double it where it is part of a text"
        )
    swallowed = 0
    misshapen: list[pyarrow.csv.InvalidRow] = []

    def skip(row: pyarrow.csv.InvalidRow) -> str:
        misshapen.append(row)
        return "skip"

    before = 0
    for batch in _csv_reader(form, skip):
        # rows are numbered with those that were skipped among them; some may lie ahead, in the block that is being read
        skipped = np.array([row.number - 1 for row in misshapen], dtype=np.int64)
        ahead = np.arange(before + 1, before + 1 + batch.num_rows + len(skipped))
        position = np.setdiff1d(ahead, skipped, assume_unique=True)[: batch.num_rows]
        before = int(position[-1]) if len(position) else before
        rows = pa.Table.from_batches([batch])
        swallowed += sum(1 for _ in swallowed_rows(form, rows))
        yield _cells_as_lines(connection, file, position, _renamed(rows.select(list(columns)), columns))
        yield _misshapen_lines(file, [row for row in misshapen if row.number - 1 <= before])
        misshapen = [row for row in misshapen if row.number - 1 > before]
    yield _misshapen_lines(file, misshapen)
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
        read_options=pyarrow.csv.ReadOptions(use_threads=False, block_size=_CSV_BLOCK_BYTES),
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


def _misshapen_lines(file: int, rows: list[pyarrow.csv.InvalidRow]) -> pl.DataFrame:
    frame = pl.DataFrame(
        [(row.number - 1, row.text, row.actual_columns, row.expected_columns) for row in rows],
        schema={"position": pl.Int64, "line": pl.String, "actual": pl.Int64, "expected": pl.Int64},
        orient="row",
    )
    fault = frame.select(pl.format("the row has {} cells where the header has {}", "actual", "expected")).to_series()
    return lines(file, frame["position"], frame["line"], fault=fault)


def _cells_as_lines(connection: duckdb.DuckDBPyConnection, file: int, position: np.ndarray, cells: pa.Table) -> pl.DataFrame:
    """LINES of rows whose cells are bytes: a row with a cell that is not UTF-8 has a fault."""
    try:
        texts = cells.cast(pa.schema([(name, pa.string()) for name in cells.column_names]))
    except pa.ArrowInvalid:
        decoded = ", ".join(f"try(decode({_quoted(name)})) as {_quoted(name)}" for name in cells.column_names)
        is_wrong = " or ".join(
            f"(try(decode({_quoted(name)})) is null and {_quoted(name)} is not null)" for name in cells.column_names
        )
        frame = query(connection, f"select {decoded}, {is_wrong} as is_wrong from rows", cells)
        rows = _rows_as_lines(connection, file, position, frame.drop("is_wrong").to_arrow())
        return rows.with_columns(fault=pl.when(frame["is_wrong"]).then(pl.lit(NOT_UTF8)))
    return _rows_as_lines(connection, file, position, texts)


def _rows_as_lines(connection: duckdb.DuckDBPyConnection, file: int, position: np.ndarray, rows: pa.Table) -> pl.DataFrame:
    types = {name: rows.schema.field(name).type for name in rows.column_names}
    stated = [_text(_quoted(name), types[name]) for name in RECEIVED_AT if name in types]
    sql = f"""
        select {_object(_members(types))} as line, {f"coalesce({', '.join(stated)})" if stated else "null::varchar"} as received_at
        from rows
    """
    made = query(connection, sql, rows) if types else pl.DataFrame({"line": ["{}"] * rows.num_rows, "received_at": None})
    return lines(file, position, made["line"], received_at=made["received_at"])


def _members(types: dict[str, pa.DataType]) -> list[tuple[str, str]]:
    """The members of an event's object: name, and SQL that gives the JSON text of its value or null.

    A row that fills both `properties` and `properties.x` columns gives properties twice, which the rules then say.
    """
    fields = [
        (name, _field(name, types[name])) for name in (*FIELDS, *SPELLINGS.values()) if name in types and name != "properties"
    ]
    whole = [("properties", _properties(types["properties"]))] if "properties" in types else []
    dotted = [
        (name.removeprefix(PROPERTY_PREFIX), _value(_quoted(name), kind))
        for name, kind in types.items()
        if name.startswith(PROPERTY_PREFIX)
    ]
    return [*fields, *whole, *([("properties", f"nullif({_object(dotted)}, '{{}}')")] if dotted else [])]


def _field(name: str, kind: pa.DataType) -> str:
    column = _quoted(name)
    if pa.types.is_temporal(kind):
        return f"to_json({_text(column, kind)})"
    if name == "tombstone" and _is_text(kind):
        return f"case lower({column}) when 'true' then 'true' when 'false' then 'false' when '' then null else to_json({column}) end"
    return f"to_json({column})"


def _properties(kind: pa.DataType) -> str:
    if _is_text(kind):
        return "case when properties = '' then null when json_valid(properties) then properties else to_json(properties) end"
    if pa.types.is_map(kind):
        member = f"to_json(e.key::varchar) || ':' || {_value('e.value', kind.item_type)}"
        return f"'{{' || array_to_string(list_transform(map_entries(properties), lambda e: {member}), ',') || '}}'"
    if pa.types.is_struct(kind):
        members = [(field.name, _value(f"properties.{_quoted(field.name)}", field.type)) for field in kind]
        return f"case when properties is not null then {_object(members)} end"
    return "to_json(properties)"


def _value(column: str, kind: pa.DataType) -> str:
    """SQL for the JSON text of a property's value: a number in plain notation; a NaN, which is none, as text."""
    if pa.types.is_decimal(kind):
        return f"plain_number({column}::varchar)"
    if pa.types.is_floating(kind):
        return f"case when isfinite({column}) then plain_number({column}::varchar) else to_json({column}::varchar) end"
    if pa.types.is_temporal(kind):
        return f"to_json({_text(column, kind)})"
    return f"to_json({column})"


def _text(column: str, kind: pa.DataType) -> str:
    """SQL for the text of a time; of an instant in UTC."""
    if pa.types.is_timestamp(kind):
        return f"cast(cast({column} as {'timestamptz' if kind.tz else 'timestamp'}) as timestamp)::varchar"
    return f"{column}::varchar"


def _object(members: list[tuple[str, str]]) -> str:
    """SQL for the text of an object without the members that are null."""
    if not members:
        return "'{}'"
    texts = (f"{_literal(json.dumps(name, ensure_ascii=False) + ':')} || {value}" for name, value in members)
    return f"'{{' || concat_ws(',', {', '.join(texts)}) || '}}'"


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)) or (
        pa.types.is_dictionary(kind) and _is_text(kind.value_type)
    )


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
