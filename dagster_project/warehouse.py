"""The warehouse on disk: where everything lies, and the one door to DuckDB.

What belongs here: paths, connections, the lock, atomic replacement. What does not: what any file means.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import polars as pl


class WarehouseBusy(Exception):
    """Another run holds the warehouse (law 7: the second run says so and stops)."""


@dataclass(frozen=True, slots=True)
class Warehouse:
    """Typed paths under one root; see docs/architecture.md. Nothing is created before it is written."""

    root: Path

    # appended only
    @property
    def raw_events(self) -> Path:
        return self.root / "raw_events"

    @property
    def landings(self) -> Path:
        return self.root / "landings"

    @property
    def quarantine(self) -> Path:
        return self.root / "quarantine"

    @property
    def issued(self) -> Path:
        return self.root / "issued"

    @property
    def unmatched(self) -> Path:
        return self.root / "unmatched"

    @property
    def withdrawn(self) -> Path:
        return self.root / "withdrawn"

    @property
    def acknowledged(self) -> Path:
        return self.root / "acknowledged"

    # what finance reads
    @property
    def database(self) -> Path:
        return self.root / "meterhouse.duckdb"

    @property
    def data_docs(self) -> Path:
        return self.root / "data_docs"

    # disposable
    @property
    def derived(self) -> Path:
        return self.root / "derived"

    @property
    def work_database(self) -> Path:
        return self.derived / "work.duckdb"

    @property
    def staged_database(self) -> Path:
        """The marts of the run under way; becomes `database` by one rename."""
        return self.derived / "meterhouse.duckdb"

    @property
    def published_stamp(self) -> Path:
        """What `database` looked like when it was published."""
        return self.derived / "published.json"

    @property
    def gate(self) -> Path:
        """Which laws have been looked at and hold, of which run (`gate.py`)."""
        return self.derived / "gate.json"

    @property
    def books(self) -> Path:
        return self.derived / "books"

    @property
    def schedule(self) -> Path:
        return self.derived / "schedule"

    @property
    def usage(self) -> Path:
        return self.derived / "usage"

    @property
    def documents(self) -> Path:
        return self.derived / "documents"

    @property
    def dimensions(self) -> Path:
        return self.derived / "dimensions"

    @property
    def attention(self) -> Path:
        return self.derived / "attention"

    @property
    def pending(self) -> Path:
        """Draft adjustments of the last run, for the next."""
        return self.derived / "pending"

    @property
    def pending_before(self) -> Path:
        """Those of the run before it, while they are replaced."""
        return self.derived / "pending_before"

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the warehouse for one run. Raises `WarehouseBusy` at once if another run has it; the kernel of the
        operating system lets go when the process dies, however it dies."""
        self.root.mkdir(parents=True, exist_ok=True)
        with (self.root / ".lock").open("a+") as handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise WarehouseBusy(
                    f"{self.root}: another run is at work in this warehouse. Wait for it to end, then run again."
                ) from error
            yield


def connect(path: Path | str = ":memory:", *, read_only: bool = False) -> duckdb.DuckDBPyConnection:
    """The only way to DuckDB. Sessions speak UTC and download no extension."""
    connection = duckdb.connect(str(path), read_only=read_only)
    connection.execute("set timezone = 'UTC'")
    connection.execute("set autoinstall_known_extensions = false")
    return connection


def fetch(connection: duckdb.DuckDBPyConnection, query: str, params: object = None) -> pl.DataFrame:
    """The rows of a query, decimals kept exact."""
    rows: pl.DataFrame = connection.sql(query, params=params).pl()
    return rows


def sha256(path: Path) -> str:
    """SHA-256 of a file's bytes, hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sync(path: Path) -> None:
    """Force a file or a folder's entries to disk, so that a rename after it cannot be seen before it."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def appear(built: Path, place: Path) -> None:
    """Make a finished file or folder appear at its place by one rename; everything in it is on disk before."""
    for path in [*built.rglob("*"), built] if built.is_dir() else [built]:
        sync(path)
    place.parent.mkdir(parents=True, exist_ok=True)
    built.replace(place)
    sync(place.parent)


def log_of(database: Path) -> Path:
    """DuckDB's write-ahead log of a database."""
    return database.with_name(f"{database.name}.wal")


def settle(database: Path) -> None:
    """Have everything that was written to a database in its file, and nothing in its log; whoever renames it needs that.

    Raises DuckDB's errors: closing a database says nothing where that fails, for want of room for instance.
    """
    with connect(database) as connection:
        connection.execute("force checkpoint")
    if log_of(database).exists():
        raise OSError(f"{log_of(database)} holds what {database.name} should.")


def put(path: Path, content: bytes) -> None:
    """Write a small file whole: readers find what it held before or this, never half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    built = path.with_name(f".{path.name}.tmp")
    built.write_bytes(content)
    appear(built, path)


def records(folder: Path) -> list[dict[str, Any]]:
    """The records of a folder that is only appended to, in order."""
    return [json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("[0-9]*.json"))]


def append_record(folder: Path, record: Mapping[str, Any]) -> Path:
    """Append a record under the next number."""
    place = folder / f"{len(records(folder)) + 1:06d}.json"
    put(place, (json.dumps(record, indent=1, ensure_ascii=False) + "\n").encode())
    return place


def discard(path: Path) -> None:
    """Remove a file or folder if it is there."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
