"""The pipeline is one list: the command carries it out plainly, Dagster makes its graph of it, and both do the same."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from dagster_project.cli.launch import launch
from dagster_project.definitions import defs
from dagster_project.defs.declared import table_of
from dagster_project.pipeline import nightly
from dagster_project.pipeline.job import carry_out_steps, said_by
from dagster_project.pipeline.run import Run, exclusive_run
from dagster_project.pipeline.said import Checked, Made, Said
from dagster_project.warehouse.database import connect
from dagster_project.warehouse.paths import Warehouse
from rating.rate import EVERY_MONTH
from tests.shell.test_a_night import fingerprint, rows

MARTS = ("invoices", "invoice_lines", "credit_ledger", "usage", "reconciliation", "attention")


def test_with_an_event_log_and_without_the_same_is_issued_and_published(
    small_run: Callable[..., Run], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain, logged = small_run(), small_run(warehouse=Warehouse(tmp_path / "logged"))
    outcome = launch(plain)
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "home"))
    through_dagster = launch(logged)
    assert (tmp_path / "home" / "history").exists()
    assert sorted(through_dagster.cautions) == sorted(outcome.cautions)
    assert through_dagster.balanced
    assert fingerprint(logged.warehouse) == fingerprint(plain.warehouse)
    for table in MARTS:
        query = f"from marts.{table} order by all"
        assert rows(logged.warehouse, query).equals(rows(plain.warehouse, query)), table


def test_what_the_steps_make_and_check_is_what_the_graph_shows(small_run: Callable[..., Run]) -> None:
    run = small_run()
    with exclusive_run(run):
        said = [one for step in nightly.STEPS for one in said_by(step, run, EVERY_MONTH)]
    graph = defs().resolve_asset_graph()
    made = {one.table for one in said if isinstance(one, Made)}
    assert made == {table_of(key) for key in graph.materializable_asset_keys if graph.get(key).group_name != "deals"}
    checked = {(one.table, one.name, one.blocking) for one in said if isinstance(one, Checked)}
    shown = {
        (table_of(key.asset_key), key.name, graph.get(key).blocking)
        for key in graph.asset_check_keys
        if graph.get(key.asset_key).group_name != "deals"
    }
    assert checked == shown


def test_steps_stop_at_a_blocking_check_and_go_on_past_a_look(
    small_run: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []

    def step(name: str, *, passed: bool, blocking: bool) -> nightly.Step:
        def work(_: Run, __: object) -> Said:
            done.append(name)
            yield Checked(("rating", "invoices"), name, passed, f"{name} says so.", blocking=blocking)

        return nightly.Step(name, name, name, work)

    listed = (
        step("a look", passed=False, blocking=False),
        step("a law", passed=False, blocking=True),
        step("issuing", passed=True, blocking=True),
    )
    monkeypatch.setattr("dagster_project.pipeline.job.STEPS", listed)
    outcome = carry_out_steps(small_run())
    assert done == ["a look", "a law"]
    assert outcome.cautions == ("a look says so.",)
    assert outcome.broken == ("rating/invoices: a law failed. a law says so.",)


def test_the_pipeline_imports_no_dagster() -> None:
    ask = "import sys, dagster_project.cli.run, dagster_project.pipeline.job; sys.exit('dagster' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", ask], check=False).returncode == 0


def test_what_an_earlier_version_of_the_models_has_left_is_dropped(small_run: Callable[..., Run]) -> None:
    run = small_run()
    assert carry_out_steps(run).balanced
    memory = run.warehouse.derived / "built.json"
    builds = json.loads(memory.read_text())
    builds["staging intermediate"] |= {"project": "an earlier one", "fingerprint": ""}
    memory.write_text(json.dumps(builds))
    with connect(run.warehouse.work_database) as database:
        database.execute("create table intermediate.int_landed_groups as select 1 as one")
        database.execute("create view staging.stg_of_old as select 1 as one")
    assert carry_out_steps(small_run()).balanced
    with connect(run.warehouse.work_database, read_only=True) as database:
        left = {name for (name,) in database.execute("select table_name from information_schema.tables").fetchall()}
    assert left & {"int_landed_groups", "stg_of_old"} == set()
    assert "int_usage" in left
