"""The DuckDB macros of landing, defined once for each connection."""

from __future__ import annotations

import duckdb

from dagster_project.landing import flattening, mapping, numbers


def define_macros(connection: duckdb.DuckDBPyConnection) -> None:
    """Give a connection what numbers, mapped rows and records are read with."""
    numbers.define_macros(connection)
    connection.execute(mapping.MACROS)
    connection.execute(flattening.MACROS)
