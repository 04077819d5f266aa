"""Meterhouse beside a team's own definitions: their executor and partitions stay theirs, and its jobs run none of their assets."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import dagster as dg
import pytest

from dagster_project.definitions import defs, meterhouse
from dagster_project.defs.declared import key_of
from dagster_project.defs.jobs import RESOURCE
from dagster_project.landing import landings
from dagster_project.pipeline.run import Run

MINE = dg.AssetKey(["revenue", "daily"])
days = dg.DailyPartitionsDefinition(start_date="2026-01-01")


@dg.asset(key=MINE, partitions_def=days, deps=[key_of(("marts", "invoices"))])
def daily_revenue() -> None:
    """A team's asset on one of Meterhouse's."""


@pytest.fixture(scope="module")
def merged() -> dg.Definitions:
    team = dg.Definitions(
        assets=[daily_revenue],
        jobs=[dg.define_asset_job("daily", dg.AssetSelection.assets(daily_revenue))],
        resources={"run": "a team's own"},
        executor=dg.multiprocess_executor,
    )
    return dg.Definitions.merge(meterhouse(), team)


def test_a_teams_executor_and_partitions_stay_theirs(merged: dg.Definitions) -> None:
    assert merged.resolve_job_def("daily").executor_def is dg.multiprocess_executor
    assert merged.resolve_job_def("daily").partitions_def == days
    for name in ("nightly", "backfill", "deals"):
        assert merged.resolve_job_def(name).executor_def is dg.in_process_executor, name


def test_both_load_together(merged: dg.Definitions) -> None:
    dg.Definitions.validate_loadable(merged)
    dg.Definitions.validate_loadable(defs())


def test_no_job_of_meterhouse_knows_a_teams_asset(merged: dg.Definitions) -> None:
    for name in ("nightly", "backfill", "deals"):
        assert MINE not in merged.resolve_job_def(name).asset_layer.selected_asset_keys, name
    assert key_of(("marts", "invoices")) in merged.resolve_job_def("backfill").asset_layer.selected_asset_keys


def test_a_night_beside_a_teams_assets_makes_its_own_tables_only(merged: dg.Definitions, small_run: Callable[..., Run]) -> None:
    night = merged.resolve_job_def("nightly").execute_in_process(resources={RESOURCE: small_run()})
    assert night.success
    made = {event.asset_key for event in night.all_events if event.is_step_materialization}
    assert key_of(("finance", "meterhouse")) in made
    assert MINE not in made


def test_importing_the_definitions_asks_dbt_nothing() -> None:
    ask = (
        "import sys, dagster_project.definitions\n"
        "from dagster_project.pipeline import models\n"
        "sys.exit(models.project.cache_info().currsize or 'dbt.cli.main' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", ask], check=False).returncode == 0


def rating_a_process_a_step() -> dg.JobDefinition:
    """Meterhouse's assets under a team's executor, as a click on them has it."""
    one_at_a_time = dg.multiprocess_executor.configured({"max_concurrent": 1})
    tables = dg.AssetSelection.groups("landing") | dg.AssetSelection.key_prefixes(["meterhouse", "books"])
    team = dg.Definitions(jobs=[dg.define_asset_job("clicked", tables.without_checks())], executor=one_at_a_time)
    return dg.Definitions.merge(meterhouse(), team).resolve_job_def("clicked")


@pytest.mark.slow
def test_steps_in_processes_of_their_own_have_one_clock(
    small_run: Callable[..., Run], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = small_run()
    for name, place in (("BOOKS", run.books_folder), ("INBOX", run.inbox), ("WAREHOUSE", run.warehouse.root)):
        monkeypatch.setenv(f"METERHOUSE_{name}", str(place))
    chosen = {"dagster/asset_partition_range_start": "2026-02", "dagster/asset_partition_range_end": "2026-03"}
    (tmp_path / "home").mkdir()
    with dg.DagsterInstance.local_temp(str(tmp_path / "home")) as instance:
        result = dg.execute_job(dg.reconstructable(rating_a_process_a_step), instance, tags=chosen)
        assert result.success
        launched = instance.get_run_by_id(result.run_id)
    assert launched is not None
    [landed] = landings(run.warehouse)
    # whoever came last wrote the tag
    assert launched.tags["meterhouse/as_of"].startswith(f"{landed.as_of.isoformat()}Z of ")
