"""What sets a run off: the sensor sees what changes in the inbox, and runs wait for the warehouse."""

from __future__ import annotations

import json
import os
import threading
import time
from datetime import datetime
from pathlib import Path

import dagster as dg
import pytest

from dagster_project.defs import resources
from dagster_project.defs.resources import NightlyRun
from dagster_project.defs.sensors import inbox_sensor
from dagster_project.errors import UserError
from dagster_project.pipeline.guards import IssueLimit
from dagster_project.pipeline.run import Run
from dagster_project.warehouse.paths import Warehouse, WarehouseBusy


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
