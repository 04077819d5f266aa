"""The same events, books and nights give the same documents: run twice, from nothing, or with the inbox shuffled."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import pytest

from dagster_project.demo import sample_events
from dagster_project.warehouse.database import connect
from dagster_project.warehouse.paths import Warehouse
from tests.nights import warehouses
from tests.scenarios import pipeline
from tests.scenarios.pipeline import marts

ACME = Path(__file__).parents[2] / "contracts_data" / "acme_ai"
NIGHTS = ("2026-02-05T06:00:00Z", "2026-03-05T06:00:00Z")
LATE = 10  # every tenth event of January arrives a month late


@pytest.fixture(scope="module")
def arrivals() -> tuple[list[str], list[str]]:
    """Lines that arrive before each night. Every event has a key and a timestamp: nothing hangs on the order in which they arrive."""
    january, february = (sample_events.acme_events()[f"2026-{month}.jsonl"].splitlines(keepends=True) for month in ("01", "02"))
    return [line for n, line in enumerate(january) if n % LATE], january[::LATE] + february


@pytest.fixture(scope="module")
def two_months(tmp_path_factory: pytest.TempPathFactory, arrivals: tuple[list[str], list[str]]) -> Path:
    """A folder with the inbox and the warehouse of Acme AI after two nights: two months issued, the first one adjusted."""
    folder = tmp_path_factory.mktemp("acme")
    (folder / "inbox").mkdir()
    for night, lines in zip(NIGHTS, arrivals, strict=True):
        (folder / "inbox" / f"{night[:10]}.jsonl").write_text("".join(lines))
        pipeline.run(ACME, folder / "inbox", folder / "warehouse", night)
    return folder


def test_there_is_something_to_compare(two_months: Path) -> None:
    kinds = marts(
        two_months / "warehouse", "select kind, count(*) as documents from marts.invoices where status = 'issued' group by all"
    )
    assert {row["kind"] for row in kinds} == {"initial", "period", "adjustment"}


def test_the_same_night_again_changes_nothing(two_months: Path) -> None:
    warehouse = two_months / "warehouse"
    issued, rows = warehouses.issued(warehouse), warehouses.every_mart(warehouse)
    assert issued
    pipeline.run(ACME, two_months / "inbox", warehouse, NIGHTS[-1])
    assert warehouses.issued(warehouse) == issued
    assert warehouses.every_mart(warehouse) == rows


def test_what_is_derived_can_be_deleted(two_months: Path, tmp_path: Path) -> None:
    warehouse = tmp_path / "warehouse"
    shutil.copytree(two_months / "warehouse", warehouse)
    issued, rows = warehouses.issued(warehouse), warehouses.every_mart(warehouse)
    for name in ("derived", "data_docs"):
        shutil.rmtree(warehouse / name, ignore_errors=True)
    (warehouse / "meterhouse.duckdb").unlink()
    pipeline.run(ACME, two_months / "inbox", warehouse, NIGHTS[-1])
    assert warehouses.issued(warehouse) == issued
    assert warehouses.every_mart(warehouse) == rows


def test_marts_that_runs_added_to_are_those_built_anew(two_months: Path, tmp_path: Path) -> None:
    """Periods close on the way, an initial invoice comes into a period that is issued, drafts come and go."""
    warehouse = tmp_path / "warehouse"
    shutil.copytree(two_months / "warehouse", warehouse)
    for night in ("2026-03-20T06:00:00Z", "2026-04-05T06:00:00Z", "2026-05-12T06:00:00Z"):
        pipeline.run(ACME, two_months / "inbox", warehouse, night)
    rows = warehouses.every_mart(warehouse)
    assert list((warehouse / "derived" / "closed_contents").glob("*/usage.parquet"))
    for name in ("meterhouse.duckdb", "derived/published.json"):
        (warehouse / name).unlink()
    pipeline.run(ACME, two_months / "inbox", warehouse, night)
    assert warehouses.every_mart(warehouse) == rows


def test_marts_that_somebody_wrote_to_are_built_anew(two_months: Path, tmp_path: Path) -> None:
    warehouse = tmp_path / "warehouse"
    shutil.copytree(two_months / "warehouse", warehouse)
    rows = warehouses.every_mart(warehouse)
    with connect(warehouse / "meterhouse.duckdb") as connection:
        connection.execute("update marts.invoice_lines set amount = amount + 1 where line_no = 1")
        connection.execute("create table marts.of_mine as select 1 as one")
    pipeline.run(ACME, two_months / "inbox", warehouse, NIGHTS[-1])
    assert warehouses.every_mart(warehouse) == rows


def test_shuffled_and_split_otherwise_the_events_make_the_same_documents(
    two_months: Path, arrivals: tuple[list[str], list[str]], tmp_path: Path
) -> None:
    inbox, warehouse = tmp_path / "inbox", tmp_path / "warehouse"
    inbox.mkdir()
    for night, lines in zip(NIGHTS, arrivals, strict=True):
        shuffled = random.Random(night).sample(lines, len(lines))
        for part in range(5):
            (inbox / f"{night[:10]}-part-{part}.ndjson").write_text("".join(shuffled[part::5]))
        pipeline.run(ACME, inbox, warehouse, night)
    assert warehouses.issued(warehouse) == warehouses.issued(two_months / "warehouse")


def test_an_earlier_night_is_refused_and_changes_nothing(two_months: Path) -> None:
    warehouse = two_months / "warehouse"
    issued, rows = warehouses.issued(warehouse), warehouses.every_mart(warehouse)
    with pytest.raises(pipeline.Refused, match="2026-03-05T06:00:00Z"):
        pipeline.run(ACME, two_months / "inbox", warehouse, "2026-03-05T05:59:59Z")
    assert warehouses.issued(warehouse) == issued
    assert warehouses.every_mart(warehouse) == rows


def test_a_second_run_at_once_is_refused(two_months: Path) -> None:
    warehouse = two_months / "warehouse"
    with (
        Warehouse(warehouse).locked(),
        pytest.raises(pipeline.Refused, match="another run is at work in this warehouse"),
    ):
        pipeline.run(ACME, two_months / "inbox", warehouse, NIGHTS[-1])
