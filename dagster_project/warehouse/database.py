"""The one door to DuckDB."""

from __future__ import annotations

from pathlib import Path

import duckdb
import polars as pl

from dagster_project.errors import UserError
from dagster_project.warehouse.paths import Warehouse


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
        return connect(database, read_only=True)
    except duckdb.Error as error:
        raise UserError(
            f"{database} cannot be opened: another program writes to it, or it is damaged ({str(error).splitlines()[0]}). "
            "Close that program; if it is damaged, run `meterhouse run` to have it built again."
        ) from None
