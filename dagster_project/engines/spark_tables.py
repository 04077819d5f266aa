"""The relations of one warehouse as a Spark session sees them: Parquet files under derived/spark, and sources that a run has shown.

    derived/spark/<schema>/<relation>/*.parquet   what dbt has built
    derived/spark/sources/<schema>/<name>/        copies of what is small; landed events are read where they lie
    derived/spark/built.json                      of what they were built; not there while a build is under way

Tables are appended to by jobs that may die half way, so what a build left that did not come to its end is removed as a whole by the
next: everything here can be built anew.

What belongs here: how tables and files go together. What does not: models (dbt/), and the session (`spark.py`).
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow.parquet

from dagster_project.engines.engine import LandedEvents
from dagster_project.landing import raw_tables
from dagster_project.warehouse.database import connect, fetch, literal
from dagster_project.warehouse.dbt_runner import DbtHouse
from dagster_project.warehouse.files import write_atomically
from dagster_project.warehouse.paths import Warehouse

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

BUILT_SCHEMAS = ("staging", "intermediate")
SOURCES = ("books", "schedule", "closed")


class SparkTables:
    """The relations of a warehouse in a session."""

    def __init__(self, session: SparkSession, warehouse: Warehouse) -> None:
        self._session, self._warehouse = session, warehouse
        self._folder = warehouse.spark
        self._house = DbtHouse(warehouse, "spark")

    def begin(self, events: LandedEvents) -> None:
        """Have what the last build left that can be added to, and nothing else, until `finish`."""
        withdrawn = [list(one) for one in events.withdrawn]
        if _note_of(self._warehouse) != {"withdrawn": withdrawn}:
            shutil.rmtree(self._folder, ignore_errors=True)
        self._note.unlink(missing_ok=True)
        # whatever the session knows may be of another warehouse, or of before another process has built
        self._forget()
        self._remember()

    def finish(self, events: LandedEvents) -> None:
        """What has been built may be added to."""
        write_atomically(self._note, json.dumps({"withdrawn": events.withdrawn}).encode())

    def show_events(self, events: LandedEvents) -> None:
        """raw.events, over all files of the folder that count: others may lie there, of a landing that died or was put together."""
        self._table("raw.landed_files", self._warehouse.raw_events, raw_tables.EVENTS.empty().to_arrow().schema)
        files = ", ".join(literal("/".join(file.parts[-2:])) for file in events.files) or "''"
        withdrawn = ", ".join(f"({literal(file)}, {literal(content)})" for file, content in events.withdrawn)
        self._session.sql(f"""
            create or replace view raw.events as
            select {", ".join(raw_tables.EVENTS.names)}
            from raw.landed_files
            where substring_index(_metadata.file_path, '/', -2) in ({files})
                and batch <= {events.last_batch}
                {f"and (file, file_hash) not in ({withdrawn})" if withdrawn else ""}
        """)

    def show_sources(self, *schemas: str) -> None:
        """Copies of what work.duckdb shows under these schemas; landed events are shown by `show_events`."""
        with connect(self._warehouse.work_database, read_only=True) as work:
            for schema in schemas:
                self._session.sql(f"create schema if not exists {schema}")
                for name in _views(work, schema):
                    if (schema, name) != ("raw", raw_tables.EVENTS.name):
                        self._copy(work, schema, name)

    def show_in_work_database(self) -> None:
        """What has been built, in work.duckdb: views of tables' files under their names there. Views of dbt are dbt's to make."""
        with connect(self._warehouse.work_database) as work:
            for schema in BUILT_SCHEMAS:
                work.execute(f"create schema if not exists {schema}")
                for name in _tables(work, schema):
                    work.execute(f"drop table {schema}.{name} cascade")
            for schema, name in sorted(self._house.models("table", "incremental")):
                if schema in BUILT_SCHEMAS:
                    work.execute(
                        f"create or replace view {schema}.{name} as {_as_duckdb_has_it(work, self._folder / schema / name)}"
                    )

    @property
    def _note(self) -> Path:
        return self._warehouse.spark / "built.json"

    def _forget(self) -> None:
        """Let go of all relations; their files stay, for each table says where they are."""
        known = {row[0] for row in self._session.sql("show databases").collect()}
        for schema in {*BUILT_SCHEMAS, *SOURCES, "raw"} & known:
            self._session.sql(f"drop schema {schema} cascade")
        self._session.sql("create schema raw")

    def _remember(self) -> None:
        """Know the tables again that models are added to; all others are built anew."""
        for schema in BUILT_SCHEMAS:
            self._session.sql(f"create schema if not exists {schema}")
        for schema, name in self._house.models("incremental"):
            folder = self._folder / schema / name
            if schema in BUILT_SCHEMAS and (files := sorted(folder.glob("*.parquet"))):
                self._table(f"{schema}.{name}", folder, pyarrow.parquet.read_schema(files[0]))

    def _copy(self, work: duckdb.DuckDBPyConnection, schema: str, name: str) -> None:
        folder = self._folder / "sources" / schema / name
        folder.mkdir(parents=True, exist_ok=True)
        work.execute(f"copy (select * from {schema}.{name}) to {literal(str(folder / 'rows.parquet'))} (format parquet)")
        self._table(f"{schema}.{name}", folder, pyarrow.parquet.read_schema(folder / "rows.parquet"))

    def _table(self, name: str, folder: Path, schema: Any) -> None:
        """A table of all Parquet files of a folder, those of folders in it as well."""
        from pyspark.sql.pandas.types import from_arrow_schema
        from pyspark.sql.types import StructField, StructType, TimestampNTZType, TimestampType

        # no job to look at files for their columns, which are known; instants have a zone in Spark, and it is UTC
        columns = [
            StructField(one.name, TimestampType() if isinstance(one.dataType, TimestampNTZType) else one.dataType)
            for one in from_arrow_schema(schema)
        ]
        self._session.sql(f"drop table if exists {name}")
        self._session.catalog.createTable(
            name, path=str(folder.resolve()), source="parquet", schema=StructType(columns), recursiveFileLookup="true"
        )


def is_whole(warehouse: Warehouse) -> bool:
    """Whether the last build of this warehouse on Spark came to its end and is still there."""
    return _note_of(warehouse) is not None


def _note_of(warehouse: Warehouse) -> Any:
    try:
        return json.loads((warehouse.spark / "built.json").read_bytes())
    except (OSError, ValueError):
        return None


def _views(work: duckdb.DuckDBPyConnection, schema: str) -> list[str]:
    query = "select view_name from duckdb_views() where schema_name = $schema and not internal order by all"
    return fetch(work, query, {"schema": schema}).get_column("view_name").to_list()


def _tables(work: duckdb.DuckDBPyConnection, schema: str) -> list[str]:
    query = "select table_name from duckdb_tables() where schema_name = $schema and not internal order by all"
    return fetch(work, query, {"schema": schema}).get_column("table_name").to_list()


def _as_duckdb_has_it(work: duckdb.DuckDBPyConnection, folder: Path) -> str:
    """A query of a table's files in which instants are UTC without a zone, as everywhere in work.duckdb."""
    files = f"read_parquet({literal(str(folder.resolve() / '*.parquet'))})"
    described = work.sql(f"describe select * from {files}").fetchall()
    zoned = [column for column, kind, *_ in described if kind == "TIMESTAMP WITH TIME ZONE"]
    replaced = ", ".join(f"timezone('UTC', {column}) as {column}" for column in zoned)
    return f"select * {f'replace ({replaced})' if zoned else ''} from {files}"
