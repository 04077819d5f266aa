"""Frames through DuckDB: the JSON functions are its, everything else about a frame is Polars'."""

from __future__ import annotations

from typing import Final

import duckdb
import polars as pl
import pyarrow as pa

_BATCH_ROWS: Final = (
    16_384  # rows that a DuckDB thread takes at a time; one batch for a whole chunk would keep it to one thread
)


def ready(connection: duckdb.DuckDBPyConnection) -> None:
    """Let a connection hand texts over the way Polars holds them, without a copy."""
    connection.execute("set produce_arrow_string_view = true")


def query(connection: duckdb.DuckDBPyConnection, sql: str, rows: pl.DataFrame | pa.Table) -> pl.DataFrame:
    """The answer to a query over `rows`, in the order of the rows where the query keeps it."""
    table = rows.to_arrow(compat_level=pl.CompatLevel.newest()) if isinstance(rows, pl.DataFrame) else rows
    connection.register("rows", pa.Table.from_batches(table.to_batches(_BATCH_ROWS), schema=table.schema))
    try:
        return pl.DataFrame(connection.sql(sql).to_arrow_table())
    finally:
        connection.unregister("rows")
