"""R-2, R-47: one absurd line holds back the documents of its contract; all others are issued, and the run exits 1."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from dagster_project.cli.launch import launch
from dagster_project.engines import processes
from dagster_project.pipeline.run import Run
from dagster_project.warehouse.paths import Warehouse
from tests.shell.conftest import moment
from tests.shell.test_a_night import fingerprint, rows

ABSURD = (
    '{{"event_name": "ai_call", "customer_id": "cust_123", "timestamp": "2026-02-11T12:00:00Z", "idempotency_key": "absurd-{n}", '
    '"properties": {{"region": "US", "call_outcome": "resolved", "duration_minutes": 999999999999999}}}}\n'
)
VOIDED = '{{"event_name": "ai_call", "customer_id": "cust_123", "idempotency_key": "absurd-{n}", "tombstone": true}}\n'
ISSUED = "select distinct contract_id from marts.invoices where status = 'issued' order by all"


def test_r47_an_absurd_line_holds_back_its_contract_only(small_run: Callable[..., Run], tmp_path: Path) -> None:
    (tmp_path / "inbox" / "absurd.jsonl").write_text(ABSURD.format(n=1))
    outcome = launch(small_run())
    assert outcome.balanced
    (sentence,) = outcome.held_back
    held = sentence.split("contract_id ")[1].split(",")[0]
    issued = rows(small_run().warehouse, ISSUED).get_column("contract_id").to_list()
    assert held not in issued
    assert len(issued) > 3

    (tmp_path / "inbox" / "voided.jsonl").write_text(VOIDED.format(n=1))
    mended = small_run(as_of=moment("2026-04-11"))
    outcome = launch(mended)
    assert (outcome.balanced, outcome.held_back) == (True, ())
    assert held in rows(mended.warehouse, ISSUED).get_column("contract_id").to_list()
    numbers = rows(mended.warehouse, "select number from marts.invoices where status = 'issued' order by all")
    assert numbers.get_column("number").to_list() == [f"INV-{n:06}" for n in range(1, numbers.height + 1)]


def test_r4_processes_leave_the_same_bytes(small_run: Callable[..., Run], tmp_path: Path) -> None:
    whole = small_run()
    divided = small_run(warehouse=Warehouse(tmp_path / "divided"), shards=3)
    for run in (whole, divided):
        assert launch(run).balanced
    assert fingerprint(divided.warehouse) == fingerprint(whole.warehouse)


def test_a_process_that_dies_is_named(small_run: Callable[..., Run], monkeypatch: pytest.MonkeyPatch) -> None:
    if processes.cores() < 2:
        pytest.skip("One core rates shards one after another, in this process.")
    monkeypatch.setattr(processes, "_work", _die)
    with pytest.raises(Exception, match="was ended from outside"):
        launch(small_run(shards=2))


def _die(*_: object) -> None:
    import os

    os._exit(9)
