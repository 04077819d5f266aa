"""What sets a run off: the sensor sees what changes in the inbox, and runs wait for the warehouse."""

from __future__ import annotations

import json
import os
import shutil
import threading
import time
from datetime import datetime
from pathlib import Path

import dagster as dg
import pytest

from dagster_project.definitions import defs
from dagster_project.defs import resources
from dagster_project.defs.declared import POOL
from dagster_project.defs.resources import NightlyRun
from dagster_project.defs.sensors import inbox_sensor
from dagster_project.errors import UserError
from dagster_project.landing import landings
from dagster_project.pipeline.guards import IssueLimit
from dagster_project.pipeline.run import Run
from dagster_project.warehouse.paths import Warehouse, WarehouseBusy
from tests.shell.conftest import ACME


@pytest.fixture
def inbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    made = tmp_path / "inbox"
    made.mkdir()
    monkeypatch.setenv("METERHOUSE_INBOX", str(made))
    return made


def tick(cursor: str | None) -> tuple[list[dg.RunRequest], str | None]:
    """What the sensor asks for, and its cursor after it."""
    context = dg.build_sensor_context(cursor=cursor)
    asked = inbox_sensor.evaluate_tick(context)
    return list(asked.run_requests or []), asked.cursor


def test_the_sensor_runs_for_a_new_file_once(inbox: Path) -> None:
    assert tick(None)[0] == []
    (inbox / "events.ndjson").write_text("{}\n")
    asked, cursor = tick(None)
    assert len(asked) == 1
    assert tick(cursor)[0] == []


def test_the_sensor_sees_files_that_only_a_source_of_the_books_can_read(
    inbox: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (inbox / "calls.dat").write_text("larch|2026-01-05\n")
    monkeypatch.setenv("METERHOUSE_WAREHOUSE", str(tmp_path / "warehouse"))
    assert tick(None)[0] == []
    note = tmp_path / "warehouse" / "derived" / "books.json"
    note.parent.mkdir(parents=True)
    note.write_text(json.dumps({"sources": [{"files": ["*.dat"], "format": {"separator": "|"}}]}))
    assert len(tick(None)[0]) == 1


def test_the_sensor_sees_other_bytes_under_a_known_name(inbox: Path) -> None:
    file = inbox / "events.ndjson"
    file.write_text("{}\n")
    first, cursor = tick(None)
    file.write_text("[]\n")
    os.utime(file, ns=(1, 1))
    again, _ = tick(cursor)
    assert len(again) == 1
    assert again[0].run_key != first[0].run_key


def test_the_sensor_runs_again_where_a_file_comes_back_after_others_went(inbox: Path) -> None:
    file = inbox / "events.ndjson"
    file.write_text("{}\n")
    first, cursor = tick(None)
    (inbox / "more.ndjson").write_text("{}\n")
    _, cursor = tick(cursor)
    (inbox / "more.ndjson").unlink()
    third, _ = tick(cursor)
    # the inbox is as it was, and Dagster would drop a run whose key it has seen
    assert third[0].run_key != first[0].run_key


def resource_at(folder: Path, wait_minutes: float) -> NightlyRun:
    return NightlyRun(books=str(folder), inbox=str(folder), warehouse=str(folder / "warehouse"), wait_minutes=wait_minutes)


def test_a_run_waits_for_the_one_that_holds_the_warehouse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resources, "LOOK_AGAIN_SECONDS", 0.01)
    is_held, let_go = threading.Event(), datetime.min  # noqa: DTZ901

    def another() -> None:
        nonlocal let_go
        with Warehouse(tmp_path / "warehouse").locked():
            is_held.set()
            time.sleep(0.3)
            let_go = datetime.now()  # noqa: DTZ005

    other = threading.Thread(target=another)
    other.start()
    is_held.wait()
    with resource_at(tmp_path, wait_minutes=1).yield_for_execution(dg.build_init_resource_context()) as run:
        assert isinstance(run, Run)
        assert let_go > datetime.min  # noqa: DTZ901
    other.join()


def test_a_run_that_may_not_wait_says_that_the_warehouse_is_busy(tmp_path: Path) -> None:
    resource = resource_at(tmp_path, wait_minutes=0)
    with (
        Warehouse(tmp_path / "warehouse").locked(),
        pytest.raises(WarehouseBusy),
        resource.yield_for_execution(dg.build_init_resource_context()),
    ):
        pass


def launched(folder: Path, **said: object) -> Run:
    """The run that Dagster would give to its steps."""
    resource = NightlyRun(books=str(folder), inbox=str(folder), warehouse=str(folder / "warehouse"), **said)  # type: ignore[arg-type]
    with resource.yield_for_execution(dg.build_init_resource_context()) as run:
        return run


def test_r48_a_launch_with_a_mistyped_year_is_refused_unless_it_is_meant(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UserError, match="2062-02-10"):
        launched(tmp_path, as_of="2062-02-10")
    assert not (tmp_path / "warehouse").exists()
    assert launched(tmp_path, as_of="2062-02-10", allow_future=True).as_of.year == 2062
    monkeypatch.setenv("METERHOUSE_ALLOW_FUTURE", "true")
    assert launched(tmp_path, as_of="2062-02-10").as_of.year == 2062


def test_r48_a_launch_has_the_limit_that_it_or_the_environment_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert launched(tmp_path).limit is None
    monkeypatch.setenv("METERHOUSE_LIMIT_ISSUE", "25000.00 USD")
    assert launched(tmp_path).limit == IssueLimit.of("25000.00 USD")
    assert launched(tmp_path, limit_issue="5").limit == IssueLimit.of("5")


def test_every_step_of_every_job_waits_in_one_pool() -> None:
    loaded = defs()
    for name in ("nightly", "backfill"):
        assert {node.definition.pool for node in loaded.resolve_job_def(name).nodes} == {POOL}, name  # type: ignore[attr-defined]


def test_the_sample_settings_hold_pools_by_run_and_launch_again_what_died(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(Path(__file__).parents[2] / "docs" / "dagster.yaml", tmp_path)
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    with dg.DagsterInstance.get() as instance:
        said = instance.get_settings("concurrency")["pools"]
        assert (said["granularity"], said["default_limit"]) == ("run", 1)
        assert instance.run_retries_enabled
        assert not instance.run_retries_retry_on_asset_or_op_failure


def landed_as_of(folder: Path, instance: dg.DagsterInstance, **tags: str) -> tuple[datetime, str]:
    """The clock of a run of `nightly` that only lands, launched with these tags; and what its own tag says of it."""
    result = (
        defs()
        .resolve_job_def("nightly")
        .execute_in_process(
            op_selection=["landing"],
            instance=instance,
            tags=tags,
            run_config={"resources": {"meterhouse_run": {"config": {"warehouse": str(folder)}}}},
        )
    )
    launched = instance.get_run_by_id(result.run_id)
    assert launched is not None
    return landings(Warehouse(folder))[-1].as_of, launched.tags["meterhouse/as_of"]


def test_a_run_that_goes_on_has_the_clock_that_it_had_and_one_from_its_beginning_a_new_one(
    inbox: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("METERHOUSE_BOOKS", str(ACME))
    (inbox / "events.ndjson").write_text("{}\n")
    before = {"meterhouse/as_of": "2026-04-10T05:00:00Z of 12345678"}
    with dg.DagsterInstance.ephemeral() as instance:
        clock, tag = landed_as_of(tmp_path / "first", instance, **before)
        assert clock > datetime(2026, 4, 11)  # noqa: DTZ001
        assert tag.startswith(clock.isoformat())
        clock, tag = landed_as_of(tmp_path / "second", instance, **before, **{"dagster/is_resume_retry": "true"})
        assert clock == datetime(2026, 4, 10, 5)  # noqa: DTZ001
        assert tag.startswith("2026-04-10T05:00:00Z of ")
