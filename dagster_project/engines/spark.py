"""Spark: models below the kernel as dbt-spark builds them, shards in tasks (docs/spark.md).

What belongs here: the session and what it must be set to, and what is asked of it. What does not: tables and files (`spark_tables.py`),
and what a task does (`shard_tasks.py`).
"""

from __future__ import annotations

import importlib.util
import logging
import os
import pickle
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

import rating
from dagster_project.engines import shard_tasks, spark_tables
from dagster_project.engines.engine import LandedEvents
from dagster_project.errors import UserError
from dagster_project.warehouse.dbt_runner import DbtHouse, DbtResult
from dagster_project.warehouse.paths import Warehouse
from rating import tables
from rating.documents import Rated
from rating.shards import Shard

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

NEEDED = ("pyspark", "dbt.adapters.spark")
# what results hang on; where it runs and how large it is are for spark-defaults.conf, or whoever has begun the session
SETTINGS = {
    "spark.sql.session.timeZone": "UTC",
    # dbt-spark insists; that no sum can overflow is proven by types (docs/spark.md)
    "spark.sql.ansi.enabled": "false",
    # instants are UTC without a zone in Parquet files of ours
    "spark.sql.parquet.inferTimestampNTZ.enabled": "false",
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
    # a table that is built anew replaces its own files
    "spark.sql.legacy.allowNonEmptyLocationInCTAS": "true",
}
# as a machine of one's own needs them
STARTED_WITH = {
    "spark.app.name": "meterhouse",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.log.level": "ERROR",
    # workers on this machine have no other way to this package in a checkout
    "spark.executorEnv.PYTHONPATH": str(Path(rating.__file__).parents[1]),
}
VIEWS = " ".join(f"{schema},config.materialized:view" for schema in spark_tables.BUILT_SCHEMAS)


class Spark:
    """The engine where events lie in a lake, or are more than one machine holds."""

    name = "spark"

    def __init__(self) -> None:
        """Raises `UserError` where Spark cannot begin."""
        _require_installed()

    def is_built(self, warehouse: Warehouse) -> bool:
        return warehouse.work_database.exists() and spark_tables.is_whole(warehouse)

    def build(self, warehouse: Warehouse, landed: Callable[[], LandedEvents], select: str) -> list[DbtResult]:
        events, known = landed(), spark_tables.SparkTables(session(), warehouse)
        known.begin(events)
        known.show_events(events)
        known.show_sources(*spark_tables.SOURCES)
        results = DbtHouse(warehouse, "spark").build(select)
        if any(result.status == "error" for result in results):
            return results
        known.finish(events)
        known.show_in_work_database()
        return results + DbtHouse(warehouse).build(VIEWS)

    def rate(self, shards: Sequence[Shard]) -> list[Rated]:
        """Raises what a shard raised."""
        numbered = [shard.usage.with_columns(shard=pl.lit(number, dtype=pl.Int64)) for number, shard in enumerate(shards)]
        usage = _frame(pl.concat(numbered).with_columns(row=pl.int_range(pl.len(), dtype=pl.Int64)))
        inputs = [pickle.dumps(replace(shard, usage=tables.USAGE.empty())) for shard in shards]
        rows = _frame(
            pl.DataFrame({"shard": range(len(shards)), "inputs": inputs}, schema={"shard": pl.Int64, "inputs": pl.Binary})
        )
        answers = (
            usage.groupBy("shard")
            .cogroup(rows.groupBy("shard"))
            .applyInArrow(shard_tasks.rate_shard_in_task, shard_tasks.ANSWER)
            .toArrow()
        )
        rated = [pickle.loads(answer) for answer in answers.sort_by("shard").column("answer").to_pylist()]  # noqa: S301 - from our tasks
        for one in rated:
            if isinstance(one, Exception):
                raise one
        return rated


def session() -> SparkSession:
    """The session of this process: the one that is there, set to what results hang on, or a new one."""
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    logging.getLogger("py4j").setLevel(logging.ERROR)
    from pyspark.sql import SparkSession

    found = SparkSession.getActiveSession()
    if found is None:
        builder = SparkSession.builder
        for name, value in (STARTED_WITH | SETTINGS).items():
            builder = builder.config(name, value)
        found = builder.getOrCreate()
    for name, value in SETTINGS.items():
        found.conf.set(name, value)
    return found


def _require_installed() -> None:
    missing = [name for name in NEEDED if not _is_there(name)]
    if missing:
        raise UserError('Spark is not installed with Meterhouse. Run `pip install "meterhouse[spark]"`. Nothing was done.')
    home = os.environ.get("JAVA_HOME")
    if shutil.which("java") is None and not (home and (Path(home) / "bin" / "java").exists()):
        raise UserError(
            "Spark needs Java 17 or later, which is not on this machine. Install it (on Debian `apt-get install "
            "default-jre-headless`), or set JAVA_HOME. Nothing was done."
        )


def _is_there(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def _frame(rows: pl.DataFrame) -> DataFrame:
    """Rows in Spark, instants as instants of UTC."""
    instants = [name for name, kind in rows.schema.items() if isinstance(kind, pl.Datetime)]
    return session().createDataFrame(rows.with_columns(pl.col(instants).dt.replace_time_zone("UTC")).to_arrow())
