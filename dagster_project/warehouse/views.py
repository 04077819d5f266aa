"""Parquet files as dbt sees them: views of work.duckdb, one a table.

What belongs here: writing a frame and showing files to dbt. What does not: which frames a run lays out (`pipeline/steps.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl

from dagster_project.warehouse.database import connect, literal
from dagster_project.warehouse.paths import Warehouse
from rating.tables import Table


def write(frame: pl.DataFrame, path: Path) -> Path:
    """Write a frame to Parquet; returns the file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    frame.write_parquet(path)
    return path


def lay(warehouse: Warehouse, schema: str, folder: Path, frames: Mapping[str, pl.DataFrame]) -> None:
    """Write frames as Parquet and show them to dbt."""
    show(warehouse, schema, {name: [write(frame, folder / f"{name}.parquet")] for name, frame in frames.items()})


def show(warehouse: Warehouse, schema: str, files_of: Mapping[str, Sequence[Path]]) -> None:
    """Views over Parquet files, by name."""
    show_queries(warehouse, schema, {name: of_files(files) for name, files in files_of.items()})


def show_queries(warehouse: Warehouse, schema: str, queries: Mapping[str, str]) -> None:
    """Views of queries, by name."""
    warehouse.derived.mkdir(parents=True, exist_ok=True)
    with connect(warehouse.work_database) as connection:
        connection.execute(f"create schema if not exists {schema}")
        for name, query in queries.items():
            connection.execute(f"create or replace view {schema}.{name} as {query}")


def of_files(files: Sequence[Path]) -> str:
    """All rows of Parquet files."""
    listed = ", ".join(literal(str(file.resolve())) for file in files)
    return f"select * from read_parquet([{listed}], union_by_name = true)"


def files_or_none(warehouse: Warehouse, table: Table, files: Sequence[Path]) -> list[Path]:
    """Files of a table, or one without rows: a view needs a file to name its columns by."""
    return list(files) or [write(table.empty(), warehouse.derived / "nothing" / f"{table.name}.parquet")]
