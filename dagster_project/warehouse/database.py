"""The one door to DuckDB."""

from __future__ import annotations

import threading
from pathlib import Path

import duckdb
import polars as pl

from dagster_project.errors import UserError
from dagster_project.warehouse.paths import Warehouse


def connect(path: Path | str = ":memory:", *, read_only: bool = False) -> duckdb.DuckDBPyConnection:
    """The only way to DuckDB. Sessions speak UTC and download no extension."""
    return _set_up(duckdb.connect(str(path), read_only=read_only))


def _set_up(connection: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
    connection.execute("set timezone = 'UTC'")
    connection.execute("set autoinstall_known_extensions = false")
    return connection


def fetch(connection: duckdb.DuckDBPyConnection, query: str, params: object = None) -> pl.DataFrame:
    """The rows of a query, decimals kept exact."""
    rows: pl.DataFrame = connection.sql(query, params=params).pl()
    return rows


def literal(text: str) -> str:
    """A text as SQL says it."""
    return "'" + text.replace("'", "''") + "'"


def lay(connection: duckdb.DuckDBPyConnection, table: str, frame: pl.DataFrame) -> None:
    """Make a table of a frame."""
    connection.register("laid", frame.to_arrow())
    connection.execute(f"create table {table} as select * from laid")
    connection.unregister("laid")


def log_of(database: Path) -> Path:
    """DuckDB's write-ahead log of a database."""
    return database.with_name(f"{database.name}.wal")


def checkpoint(database: Path) -> None:
    """Have everything that was written to a database in its file, and nothing in its log; whoever renames it needs that.

    Raises DuckDB's errors: closing a database says nothing where that fails, for want of room for instance.
    """
    with connect(database) as connection:
        connection.execute("force checkpoint")
    if log_of(database).exists():
        raise OSError(f"{log_of(database)} holds what {database.name} should.")


def published(warehouse: Warehouse) -> duckdb.DuckDBPyConnection:
    """The marts that finance reads. Raises `UserError` where no run has published any."""
    database: Path = warehouse.database
    if not database.exists():
        raise UserError(
            f"There are no marts in {warehouse.root}. Run `meterhouse run` first, or name the warehouse with --warehouse."
        )
    try:
        return _readers.open(database)
    except duckdb.Error as error:
        raise UserError(
            f"{database} cannot be opened: another program writes to it, or it is damaged ({str(error).splitlines()[0]}). "
            "Close that program; if it is damaged, run `meterhouse run` to have it built again."
        ) from None


class _Readers:
    """Marts that are read: each version of a file is attached once to one database of this process, and opened at next to no cost.

    DuckDB opens a path once for all who have it open: by its path, readers that overlap would see for ever what the first of them saw,
    whatever was published since.
    """

    MOST = 8  # of all files; of one file the version before stays, for those who are still reading it

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._root: duckdb.DuckDBPyConnection | None = None
        self._attached: dict[tuple[str, int, int, int], str] = {}  # by file and version, the latest last
        self._count = 0

    def open(self, database: Path) -> duckdb.DuckDBPyConnection:
        """A connection of its own, to close after use. Raises DuckDB's errors."""
        with self._lock:
            if self._root is None:
                self._root = connect()
            connection = _set_up(self._root.cursor())
            try:
                connection.execute(f"use {self._name_of(self._root, database)}")
            except BaseException:
                connection.close()
                raise
            return connection

    def _name_of(self, root: duckdb.DuckDBPyConnection, database: Path) -> str:
        status = database.stat()
        version = str(database.resolve()), status.st_ino, status.st_mtime_ns, status.st_size
        name = self._attached.pop(version, None)
        if name is None:
            self._count += 1
            name = f"published_{self._count}"
            root.execute(f"attach {literal(str(database))} as {name} (read_only)")
        self._attached[version] = name
        of_file = [one for one in self._attached if one[0] == version[0]]
        for old in {*of_file[:-2], *list(self._attached)[: -self.MOST]}:
            root.execute(f"detach {self._attached.pop(old)}")
        return name


_readers = _Readers()
