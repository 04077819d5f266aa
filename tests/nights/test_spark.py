"""The engine Spark: the same nights as on one machine leave the same issued files, marts and relations, to the byte and the type.

Runs with the long versions, where Java and Spark are: a night on Spark takes a minute and more, however little comes. Every run of the
tests has the macros on both (tests/dbt/test_engines_agree.py). METERHOUSE_TEST_SPARK_MASTER names another master than local[2], as
local-cluster[2,1,1024].
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from dagster_project.demo import sample_events
from dagster_project.engines.spark_tables import SparkTables
from dagster_project.pipeline import marts, models, steps
from dagster_project.pipeline.run import Run
from dagster_project.settings import instant
from dagster_project.warehouse.database import connect, fetch
from dagster_project.warehouse.dbt_runner import DbtHouse
from dagster_project.warehouse.paths import Warehouse
from tests.nights import warehouses
from tests.scenarios import pipeline
from tests.spark import spark_session

pytestmark = [pytest.mark.slow, pytest.mark.full]

ACME = Path(__file__).parents[2] / "contracts_data" / "acme_ai"
NIGHTS = ("2026-02-05T06:00:00Z", "2026-03-05T06:00:00Z")
LATE = 10  # every tenth event of January arrives a month late
# an engine's own hashes, which no other engine has
HASHES = {"key_hash", "route_version", "reading_version"}
# tells when something was found, and keeps one row for each time that it was looked for
HISTORY = "int_repeated_keys"


@dataclass(frozen=True)
class Both:
    """The same nights on either engine."""

    session: Any
    local: Warehouse
    spark: Warehouse


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Both:
    session = spark_session()
    from dagster_project.engines.spark import Spark

    folder = tmp_path_factory.mktemp("both")
    inbox = folder / "inbox"
    inbox.mkdir()
    january, february = (sample_events.acme_events()[f"2026-{month}.jsonl"].splitlines(keepends=True) for month in ("01", "02"))
    arrivals = [line for n, line in enumerate(january) if n % LATE], january[::LATE] + february
    for night, lines in zip(NIGHTS, arrivals, strict=True):
        (inbox / f"{night[:10]}.jsonl").write_text("".join(lines))
        pipeline.run(ACME, inbox, folder / "local", night)
        pipeline.run(ACME, inbox, folder / "spark", night, engine=Spark(), shards=2)
    return Both(session, Warehouse(folder / "local"), Warehouse(folder / "spark"))


def test_both_issue_the_same_bytes(both: Both) -> None:
    issued = warehouses.issued(both.local.root)
    assert issued
    assert warehouses.issued(both.spark.root) == issued


def test_both_publish_the_same_marts(both: Both) -> None:
    assert warehouses.every_mart(both.spark.root) == warehouses.every_mart(both.local.root)


def test_every_model_of_events_holds_the_same(both: Both) -> None:
    """Types too: they betray places that were lost."""
    compared = models.project().models(["staging", "intermediate"]).values()
    assert len(compared) > 30
    with connect(both.local.work_database, read_only=True) as local, connect(both.spark.work_database, read_only=True) as spark:
        for node in compared:
            relation = f"{node['schema']}.{node['name']}"
            if node["name"] != HISTORY:
                assert_same(relation, *(fetch(work, f"from {relation}") for work in (local, spark)))


def test_every_mart_is_built_the_same_by_spark(both: Both) -> None:
    """A run has DuckDB build the marts, of little; Spark builds them alike, with all that is tested of them."""
    run = Run(both.spark, ACME, "", instant(NIGHTS[-1]), land_new=False)
    every = marts.ToCome.all_of(run)
    # the last batch is this run's own, whose documents are shown as it wrote them
    marts.show(both.spark, replace(every, batches=every.batches[:-1]))
    known = SparkTables(both.session, both.spark)
    known.show_sources("books", "schedule", "closed", "raw", "rating", "dimensions")
    results = DbtHouse(both.spark, "spark").build("marts")
    assert not [f"{result.name}: {result.message}" for result in results if not result.is_good]
    with published_marts(both.local) as local:
        for node in models.project().models(["marts"]).values():
            relation = f"marts.{node['name']}"
            assert_same(
                relation, fetch(local, f"from {relation}"), pl.DataFrame(pl.from_arrow(both.session.table(relation).toArrow()))
            )


def test_a_night_on_this_machine_goes_on_from_one_on_spark(both: Both) -> None:
    night = "2026-03-20T06:00:00Z"
    for warehouse in (both.local, both.spark):
        pipeline.run(ACME, both.local.root.parent / "inbox", warehouse.root, night)
    assert warehouses.issued(both.spark.root) == warehouses.issued(both.local.root)
    assert warehouses.every_mart(both.spark.root) == warehouses.every_mart(both.local.root)


def test_what_a_build_left_that_died_is_not_gone_on_from(both: Both) -> None:
    """An append is not atomic there. The last test of these nights: it takes away what Spark has built."""
    run = Run(both.spark, ACME, "", instant(NIGHTS[-1]), land_new=False)
    known, staged = SparkTables(both.session, both.spark), both.spark.spark / "staging" / "stg_events"
    known.begin(steps.landed_events(run))
    assert both.session.table("staging.stg_events").count() == warehouses.landed(both.spark.root)
    # it died, for it never came to its end
    known.begin(steps.landed_events(run))
    assert not staged.exists()
    assert not both.session.catalog.tableExists("staging.stg_events")


def published_marts(warehouse: Warehouse) -> Any:
    return connect(warehouse.database, read_only=True)


def assert_same(relation: str, local: pl.DataFrame, spark: pl.DataFrame) -> None:
    wanted, found = (_plain(frame) for frame in (local, spark))
    assert found.schema == wanted.schema, relation
    rows, others = (sorted(map(repr, frame.rows())) for frame in (wanted, found))
    assert others == rows, relation


def _plain(frame: pl.DataFrame) -> pl.DataFrame:
    """Without hashes; instants without the zone that Spark gives them."""
    instants = [name for name, kind in frame.schema.items() if isinstance(kind, pl.Datetime)]
    return frame.drop(HASHES & set(frame.columns)).with_columns(
        pl.col(instants).dt.replace_time_zone(None).dt.cast_time_unit("us")
    )
