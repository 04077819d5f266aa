"""Books that a run has read and found good, for later runs: while no file of theirs has changed they need no reading (law 8).

Lies in derived/, as Parquet beside a note of what it was made from. Lost, damaged or made by another version of the code, it
is passed over and the books are read.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
from pydantic import BaseModel

from dagster_project.warehouse.files import write_atomically
from dagster_project.warehouse.paths import Warehouse
from rating import books, tables
from rating.books import NOTHING_AGREED, Agreed, Books, Deals, Reading, Settings, Source

CODE = Path(books.__file__).parent


def recall(warehouse: Warehouse, folder: Path, agreed: Agreed = NOTHING_AGREED) -> Books | None:
    """The books of the folder, with what is agreed beside it, as an earlier run of this warehouse read them and with what was agreed
    since; None where they have to be read."""
    known = _of_the_same_folder(warehouse, folder)
    if known is None or known.version == agreed.version_with(known.folder_version):
        return known
    found = books.resumed(known, folder, agreed)
    return None if found is None else found.books


def recall_reading(warehouse: Warehouse, folder: Path, agreed: Agreed = NOTHING_AGREED) -> Reading | None:
    """As `recall`, to be added to."""
    known = _of_the_same_folder(warehouse, folder)
    return None if known is None else books.resumed(known, folder, agreed)


def _of_the_same_folder(warehouse: Warehouse, folder: Path) -> Books | None:
    return _remembered(
        warehouse,
        lambda note: note["code"] == _code() and note["folder"] == books.version_now(folder, note["files"]),
    )


def _remembered(warehouse: Warehouse, is_wanted: Callable[[dict[str, Any]], bool]) -> Books | None:
    try:
        note = json.loads(_note(warehouse).read_bytes())
        if not is_wanted(note):
            return None
        return Books.of(
            note["folder"],
            note["agreed"],
            note["files"],
            Settings.model_validate(note["settings"]),
            _sources(note),
            None if note["deals"] is None else Deals.model_validate(note["deals"]),
            note["warnings"],
            {table.name: _frame(warehouse, table, note["digests"][table.name]) for table in tables.BOOKS_TABLES},
        )
    except (OSError, ValueError, KeyError, TypeError, tables.SchemaMismatch, pl.exceptions.PolarsError):
        return None


def remembered_books(warehouse: Warehouse) -> Books | None:
    """The books as the last run read them, whatever has become of their files since; None where no run has, or other code did."""
    return _remembered(warehouse, lambda note: note["code"] == _code())


def remembered_sources(warehouse: Warehouse) -> list[Source]:
    """The sources of the books as the last run read them, whatever has become of the books since; none where no run has."""
    try:
        return _sources(json.loads(_note(warehouse).read_bytes()))
    except (OSError, ValueError, KeyError, TypeError):
        return []


def remember(warehouse: Warehouse, read: Books) -> None:
    """Note what the frames of these books, written to `warehouse.books`, were made from."""
    digests = {table.name: _digest(_place(warehouse, table).read_bytes()) for table in tables.BOOKS_TABLES}
    note: dict[str, Any] = {
        "code": _code(),
        "folder": read.folder_version,
        "agreed": read.agreed_digest,
        "files": read.files,
        # as people write them: the books' models take texts
        "settings": {name: _as_written(value) for name, value in read.settings if value is not None},
        "sources": [source.model_dump(by_alias=True, exclude_defaults=True) for source in read.sources],
        "deals": None if read.deals is None else read.deals.model_dump(by_alias=True, exclude_none=True),
        "warnings": read.warnings,
        "digests": digests,
    }
    write_atomically(_note(warehouse), json.dumps(note).encode())


def _as_written(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return {name: str(part) for name, part in value if part is not None}
    return value if isinstance(value, bool) else str(value)


def _note(warehouse: Warehouse) -> Path:
    return warehouse.derived / "books.json"


def _sources(note: dict[str, Any]) -> list[Source]:
    return [Source.model_validate(source) for source in note["sources"]]


def _place(warehouse: Warehouse, table: tables.Table) -> Path:
    return warehouse.books / f"{table.name}.parquet"


def _frame(warehouse: Warehouse, table: tables.Table, digest: str) -> pl.DataFrame:
    content = _place(warehouse, table).read_bytes()
    if _digest(content) != digest:
        raise ValueError(table.name)
    return table.require(pl.read_parquet(io.BytesIO(content)))


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _code() -> str:
    """What stands for the code that reads books: its files' content."""
    files = [*sorted(CODE.rglob("*.py")), Path(tables.__file__)]
    return _digest(b"\0".join(file.read_bytes() for file in files))
