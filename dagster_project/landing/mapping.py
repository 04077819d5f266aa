"""Rows and records of foreign files to lines: what a source of the books says of their fields (R-113).

A mapped row becomes the JSON text that a sender of events would have written, so that one reader and one set of rules serve it too.
Every value travels as text by its decimal digits (R-1); a time becomes an instant in UTC, or a fault that names what was written.

What belongs here: which column says what. What does not: how a file is cut into rows (`tabular`, `records`), what an event must hold.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import duckdb
import numpy as np
import polars as pl
import pyarrow as pa

from dagster_project.landing.columns import PROPERTY_PREFIX, UnreadableColumns, folded, listed_columns
from dagster_project.landing.event import FIELDS, SPELLINGS
from dagster_project.landing.lines import LINES
from dagster_project.landing.lines import lines as lines_of_texts
from dagster_project.landing.queries import query
from dagster_project.landing.sqltext import members_as_object, quoted, text_of, value_of
from dagster_project.landing.times import read_stated_times
from dagster_project.warehouse.database import literal
from rating.books import Source, SourceField

MAPPED: Final = (*(name for name in FIELDS if name != "properties"), "received_at")

_TIMES: Final = ("timestamp", "received_at")
_CUSTOMERS: Final = ("customer_id", "external_customer_id")
_CAMEL: Final = {**SPELLINGS, "received_at": "receivedAt"}

MACROS: Final = r"""
-- a number as a file with decimal commas writes it, with a point; any other text as it is
create or replace macro with_decimal_point(written) as case
    when regexp_full_match(written, '[+-]?[0-9]+,[0-9]+') then replace(written, ',', '.')
    when regexp_full_match(written, '[+-]?[0-9]{1,3}([.'' \x{a0}\x{202f}][0-9]{3})+(,[0-9]+)?')
        then replace(regexp_replace(written, '[.'' \x{a0}\x{202f}]', '', 'g'), ',', '.')
    else written
end;
-- 1.7676E+9 without its exponent; any other text as it is
create or replace macro epoch_number(written) as case
    when regexp_full_match(written, '-?[0-9]+([.][0-9]+)?[eE][+-]?[0-9]+') then coalesce(plain_number(written), written) else written
end;
"""


@dataclass(frozen=True, slots=True)
class Cells:
    """How the values of one kind of rows are reached in SQL. `text` gives a value's text, or null; `member` its JSON text."""

    text: Callable[[str], str]
    member: Callable[[str], str]


@dataclass(frozen=True, slots=True)
class _Field:
    """Where a field comes from, by the names that the file has."""

    columns: tuple[str, ...]
    stated: SourceField | None  # None: under its own name


class Mapping:
    """What a source says of the rows of one file. `zone` is what bare dates are read in where the source names none."""

    def __init__(self, source: Source, zone: str) -> None:
        self.source, self._zone = source, zone
        stated = source.fields.stated()
        is_mapped = any(name in stated for name in _CUSTOMERS)
        self._own = [name for name in MAPPED if name not in stated and not (is_mapped and name in _CUSTOMERS)]
        self._fields = {name: _Field(field.column or field.join or (), field) for name, field in stated.items()}
        for name in self._own:
            self._fields[name] = _Field((name, *filter(None, [_CAMEL.get(name)])), None)

    def columns(self, names: Sequence[str]) -> dict[str, str]:
        """Settle which columns of a table are meant; those to read, each under the name that it is read under.

        A name matches exactly, else without regard to letter case, `_` and blanks where that is unambiguous. Raises
        `UnreadableColumns` for needed columns that are missing: one for each stated field, all that are joined, all named properties.
        """
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise UnreadableColumns(f"the column {', '.join(twice)} stands twice; give each column its own name")
        missing: list[str] = []
        for name, field in self._fields.items():
            found = tuple(column for wanted in field.columns if (column := _column(wanted, names)))
            if field.stated is not None and field.stated.value is None:
                needed = len(field.columns) if field.stated.join else 1
                if len(found) < needed:
                    missing.append(f"{name} ({' or '.join(f'`{one}`' for one in field.columns)})")
            self._fields[name] = _Field(found, field.stated)
        properties = {}
        for name, wanted_columns in (self.source.properties or {}).items():
            properties[name] = tuple(column for wanted in wanted_columns if (column := _column(wanted, names)))
            if not properties[name]:
                missing.append(f"the property {name} ({' or '.join(f'`{one}`' for one in wanted_columns)})")
        if not self._fields["event_name"].columns and self._stated("event_name") is None:
            missing.append("event_name")
        if not any(self._is_given(name) for name in _CUSTOMERS):
            missing.append(" or ".join(_CUSTOMERS))
        if missing:
            raise UnreadableColumns(
                f"it has no column for {', nor for '.join(missing)}; its columns are {listed_columns(names)}. "
                "Say in `sources` of the books which column it is"
            )
        self._properties = self._every_property(names) if self.source.properties is None else properties
        used = {column for field in self._fields.values() for column in field.columns}
        used |= {column for columns in self._properties.values() for column in columns}
        return {name: name for name in names if name in used}

    @property
    def names(self) -> list[str]:
        """Every column name that the source or an event's fields know: they tell the separator of a header."""
        named = [column for field in self._fields.values() for column in field.columns]
        return [*named, *(column for columns in (self.source.properties or {}).values() for column in columns)]

    def _stated(self, name: str) -> SourceField | None:
        field = self._fields.get(name)
        return field.stated if field else None

    def _is_given(self, name: str) -> bool:
        field = self._fields.get(name)
        return field is not None and bool(field.columns or field.stated)

    def _every_property(self, names: Sequence[str]) -> dict[str, tuple[str, ...]]:
        """All columns but those that are fields under their own name; `properties.x` is x."""
        fields = {column for name in self._own for column in self._fields[name].columns}
        return {name.removeprefix(PROPERTY_PREFIX): (name,) for name in names if name not in fields}

    def lines(self, connection: duckdb.DuckDBPyConnection, file: int, position: np.ndarray, rows: pa.Table) -> pl.DataFrame:
        """LINES of rows whose columns have been resolved."""
        types = {name: rows.schema.field(name).type for name in rows.column_names}
        is_comma = self.source.format is not None and self.source.format.decimal == ","

        def member(name: str) -> str:
            if is_comma and pa.types.is_string(types[name]):
                return f"to_json(with_decimal_point({quoted(name)}))"
            return value_of(quoted(name), types[name])

        cells = Cells(lambda name: text_of(quoted(name), types[name]), member)
        members = [(name, f"coalesce({', '.join(map(member, columns))})") for name, columns in self._properties.items()]
        made = self._made(connection, rows, cells, f"nullif({members_as_object(members)}, '{{}}')")
        return lines_of_texts(file, position, made["line"], received_at=made["received_at"], fault=made["fault"])

    def of_records(self, connection: duckdb.DuckDBPyConnection, records: pl.DataFrame) -> pl.DataFrame:
        """LINES of LINES with `entries`, whose keys are paths and whose values JSON texts, numbers marked (`records.entries_of`)."""
        cells = Cells(_record_text, _record_member)
        if self.source.properties is None:
            fields = ", ".join(literal(column) for name in self._own for column in self._fields[name].columns)
            key = f"case when starts_with(e.key, '{PROPERTY_PREFIX}') then substr(e.key, {len(PROPERTY_PREFIX) + 1}) else e.key end"
            members = f"list_transform(list_filter(entries, lambda e: e.value <> 'null' and e.key not in ({fields})), "
            members += f"lambda e: to_json({key}) || ':' || record_member(e.value))"
            properties = f"nullif('{{' || array_to_string({members}, ',') || '}}', '{{}}')"
        else:
            chosen = [
                (name, f"coalesce({', '.join(map(_record_member, columns))})")
                for name, columns in self.source.properties.items()
            ]
            properties = f"nullif({members_as_object(chosen)}, '{{}}')"
        made = self._made(connection, records, cells, properties)
        return records.with_columns(
            line=made["line"], received_at=made["received_at"], fault=pl.coalesce(pl.col("fault"), made["fault"])
        ).select(*LINES)

    def _made(
        self, connection: duckdb.DuckDBPyConnection, rows: pl.DataFrame | pa.Table, cells: Cells, properties: str
    ) -> pl.DataFrame:
        """`line`, `received_at` and `fault` of every row, in order."""
        texts = [f"{_sql_of(field, cells, name)} as {name}" for name, field in self._fields.items()]
        said = query(connection, f"select {', '.join(texts)}, {properties} as properties from rows", rows)
        said = said.with_columns(fault=pl.lit(None, dtype=pl.String))
        for name in _TIMES:
            said = self._with_time(connection, said, name)
        written = [(name, f"to_json({name})") for name in SPELLINGS if name in self._fields]
        written += [
            ("timestamp", "to_json(timestamp)"),
            ("tombstone", "case when lower(tombstone) in ('true', 'false') then lower(tombstone) else to_json(tombstone) end"),
            ("properties", "properties"),
        ]
        return query(connection, f"select {members_as_object(written)} as line, received_at, fault from rows", said)

    def _with_time(self, connection: duckdb.DuckDBPyConnection, said: pl.DataFrame, name: str) -> pl.DataFrame:
        """The times of one field as instants in UTC; where a text is none, it stays and is a fault."""
        stated = self._stated(name)
        form = stated.format if stated else "iso"
        if form == "iso" and self.source.timezone is None:
            return said  # as anybody writes times: the rules read them
        texts = said.get_column(name)
        instants = read_stated_times(
            connection, texts, form, self.source.timezone or ("UTC" if form == "iso" else None), self._zone
        )
        is_wrong = instants.is_null() & texts.is_not_null()
        meant = "an ISO 8601 time" if form == "iso" else f"`{form}`"
        fault = pl.format(f"{name} is not {meant}, as the source says: {{}}", pl.col(name).str.slice(0, 80))
        return said.with_columns(
            pl.coalesce(instants.dt.to_string("%Y-%m-%dT%H:%M:%S%.6fZ"), pl.col(name)).alias(name),
            fault=pl.coalesce("fault", pl.when(is_wrong).then(fault)),
        )


def _sql_of(field: _Field, cells: Cells, name: str) -> str:
    """SQL for the text of a field, null where it is empty."""
    stated = field.stated
    if stated is not None and stated.value is not None:
        return literal(stated.value)
    texts = [f"nullif({cells.text(column)}, '')" for column in field.columns]
    if not texts:
        return "null::varchar"
    if stated is not None and stated.join is not None:
        parts = ", ".join(f"coalesce({text}, '')" for text in texts)
        return f"case when coalesce({', '.join(texts)}) is not null then concat_ws({literal(stated.joined_with)}, {parts}) end"
    found = f"coalesce({', '.join(texts)})"
    return f"epoch_number({found})" if name in _TIMES and stated and stated.format.startswith("epoch") else found


def _column(wanted: str, names: Sequence[str]) -> str | None:
    if wanted in names:
        return wanted
    alike = [name for name in names if folded(name) == folded(wanted)]
    if len(alike) > 1:
        raise UnreadableColumns(f"the columns {listed_columns(alike)} could all be `{wanted}`; name one of them so")
    return alike[0] if alike else None


def _record_text(path: str) -> str:
    return f"record_text(record_value(entries, {literal(path)}))"


def _record_member(path: str) -> str:
    return f"record_member(record_value(entries, {literal(path)}))"
