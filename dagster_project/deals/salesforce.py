"""Salesforce's tables as a team's sync leaves them (R-71): Fivetran, Airbyte or dlt, files or a DuckDB file, one reading.

Names of objects and fields compare by letters and digits, ids by what Salesforce means by them, values by their shortest text.
"""

from __future__ import annotations

import contextlib
import csv
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any

import duckdb
import msgspec

from dagster_project.errors import UserError
from dagster_project.warehouse.database import connect
from rating.books.values import canonical_number
from rating.calendar import naive_utc

Row = Mapping[str, str | None]  # by the letters of the field's name

# as they are called in mappings, by the letters of what a sync calls them
OBJECTS = {
    "account": "account",
    "opportunity": "opportunity",
    "opportunitylineitem": "line",
    "product2": "product",
    "pricebookentry": "pricebook_entry",
    "contract": "contract",
    "quote": "quote",
    "quoteline": "quote_line",
    "quotelineitem": "quote_line",
    "order": "order",
}
NEEDED = ("account", "opportunity", "line", "product")
SPELLED = {"line": "opportunity_line_item", "product": "product_2"}
# what a sync or the platform writes beside a record, and no person
_OF_THE_SYNC = re.compile(
    r"_?(fivetran|airbyte|ab|dlt|sdc|emitted|extracted).*|systemmodstamp|lastmodified.*|created(date|byid)|last(viewed|referenced|activity).*"
)


@dataclass(frozen=True, slots=True)
class Tables:
    """Records by object and id; fields: the letters of every field that an object has."""

    records: Mapping[str, Mapping[str, Row]]
    fields: Mapping[str, frozenset[str]]

    def of(self, name: str) -> Mapping[str, Row]:
        return self.records.get(name, {})


@lru_cache(maxsize=4096)  # a mapping and its tables name some dozens of fields, thousands of times
def letters(name: str) -> str:
    """What names are compared by: `UnitPrice` is `unit_price`, `Term__c` is `term_c`."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


def is_business(field: str) -> bool:
    """Whether people write this field, by its letters."""
    return _OF_THE_SYNC.fullmatch(field) is None and field != "isdeleted"


def called(name: str) -> str:
    """An object of a mapping as syncs call its table: `line` is opportunity_line_item."""
    return SPELLED.get(name, name)


def stamps(place: str) -> dict[str, tuple[int, int]]:
    """Size and time of change (ns) of the files that `read` would read, by name; none where there are none yet."""
    at = Path(place.partition("#")[0])
    files = [at] if at.is_file() else sorted(at.iterdir()) if at.is_dir() else []
    found = {}
    for file in files:
        if file == at or (letters(file.stem) in OBJECTS and file.suffix.lower() in _READERS):
            with contextlib.suppress(OSError):  # gone meanwhile: then it is not there
                status = file.stat()
                found[file.name] = (status.st_size, status.st_mtime_ns)
    return found


def read(place: str) -> Tables:
    """The tables of a folder, or of `file.duckdb#schema`. Raises `UserError` with all that cannot be read or is missing."""
    found, faults = _duckdb(place) if "#" in place or place.endswith((".duckdb", ".db")) else _folder(Path(place))
    missing = [name for name in NEEDED if name not in found]
    faults += [f"{place} holds no {called(name)}. Have the sync bring it, or name another place." for name in missing]
    if faults:
        raise UserError(*faults)
    return Tables(
        {name: _records(rows) for name, rows in found.items()},
        {name: frozenset(field for row in rows for field in row) for name, rows in found.items()},
    )


def _folder(folder: Path) -> tuple[dict[str, list[Row]], list[str]]:
    if not folder.is_dir():
        raise UserError(f"There is no folder {folder} with Salesforce's tables. Name it with --salesforce.")
    found: dict[str, list[Row]] = {}
    faults = []
    for path in sorted(folder.iterdir()):
        name, reader = OBJECTS.get(letters(path.stem)), _READERS.get(path.suffix.lower())
        if name is None or reader is None:
            continue
        try:
            found.setdefault(name, []).extend(_plain(row) for row in reader(path))
        except (OSError, ValueError, UnicodeDecodeError, duckdb.Error, csv.Error) as error:
            faults.append(f"{path} cannot be read: {str(error).splitlines()[0]}")
    return found, faults


def _duckdb(place: str) -> tuple[dict[str, list[Row]], list[str]]:
    file, _, schema = place.partition("#")
    if not Path(file).exists():
        raise UserError(f"There is no database {file} with Salesforce's tables. Name it with --salesforce.")
    found: dict[str, list[Row]] = {}
    try:
        with connect(file, read_only=True) as connection:
            tables = connection.execute(
                "select table_name from information_schema.tables where table_schema = ? order by all", [schema or "main"]
            ).fetchall()
            for (table,) in tables:
                if (name := OBJECTS.get(letters(table))) is not None:
                    rows = connection.execute(f'from "{schema or "main"}"."{table}"')
                    found.setdefault(name, []).extend(_plain(row) for row in _of_cursor(rows))
    except duckdb.Error as error:
        return found, [f"{file} cannot be read: {str(error).splitlines()[0]}"]
    return found, []


def _parquet(path: Path) -> Iterator[Mapping[str, Any]]:
    with connect() as connection:
        yield from _of_cursor(connection.execute("from read_parquet(?)", [str(path)]))


def _of_cursor(rows: duckdb.DuckDBPyConnection) -> list[Mapping[str, Any]]:
    names = [column[0] for column in rows.description or ()]
    return [dict(zip(names, row, strict=True)) for row in rows.fetchall()]


def _csv(path: Path) -> Iterator[Mapping[str, Any]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        yield from csv.DictReader(file)


def _ndjson(path: Path) -> Iterator[Mapping[str, Any]]:
    decoder = msgspec.json.Decoder(dict[str, Any], float_hook=Decimal)
    for line in path.read_bytes().splitlines():
        if line.strip():
            yield decoder.decode(line)


_READERS: Mapping[str, Callable[[Path], Iterable[Mapping[str, Any]]]] = {
    ".parquet": _parquet,
    ".csv": _csv,
    ".ndjson": _ndjson,
    ".jsonl": _ndjson,
}


# --- rows and values -----------------------------------------------------------------------------------------------------------


def _records(rows: Iterable[Row]) -> dict[str, Row]:
    """Records that are there, by id; of several versions of one the latest."""
    found: dict[str, Row] = {}
    for row in rows:
        key = row.get("id")
        if key is None or _is_deleted(row):
            continue
        before = found.get(key)
        if before is None or (before.get("systemmodstamp") or "") <= (row.get("systemmodstamp") or ""):
            found[key] = row
    return dict(sorted(found.items()))


def _is_deleted(row: Row) -> bool:
    return (
        "true" in (row.get("isdeleted"), row.get("fivetrandeleted"))
        or row.get("fivetranactive") == "false"
        or row.get("abcdcdeletedat") is not None
    )


def _plain(row: Mapping[str, Any]) -> Row:
    found: dict[str, str | None] = {}
    for name, value in row.items():
        field, text = letters(str(name)), _text(value)
        found[field] = _long_id(text) if text is not None and (field == "id" or field.endswith("id")) else text
    return found


_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?")
_MIDNIGHT = re.compile(r"(\d{4}-\d{2}-\d{2})[T ]00:00(:00(\.0+)?)?(Z|[+-]00(:?00)?)?")


def _text(value: Any) -> str | None:
    """A value as its shortest text; null for nothing, and for an empty text."""
    if value is None or value == "":
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return None if value != value else canonical_number(Decimal(repr(value)))
    if isinstance(value, Decimal | int):
        return canonical_number(Decimal(value))
    if isinstance(value, datetime):
        moment = naive_utc(value) if value.tzinfo is not None else value
        return f"{moment:%Y-%m-%d}" if moment.time() == time() else moment.isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if not isinstance(value, str):
        return json.dumps(value, default=str, sort_keys=True)
    text = value.strip()
    if _NUMBER.fullmatch(text):
        return canonical_number(Decimal(text))
    if text.lower() in ("true", "false"):
        return text.lower()
    found = _MIDNIGHT.fullmatch(text)
    return found[1] if found else text or None


_ID = re.compile(r"[A-Za-z0-9]{15}([A-Z0-5]{3})?")
_SUFFIX = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"


def _long_id(text: str) -> str:
    """An id of 15 characters, whose capitals matter, as the one of 18 that says the same without them."""
    if len(text) != 15 or not _ID.fullmatch(text):
        return text
    parts = (text[start : start + 5] for start in (0, 5, 10))
    return text + "".join(_SUFFIX[sum(1 << place for place, letter in enumerate(part) if letter.isupper())] for part in parts)
