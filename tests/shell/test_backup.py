"""A backup is taken while runs go on, and what is restored goes on where it was."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dagster_project.cli.app import app
from dagster_project.cli.launch import launch
from dagster_project.pipeline.run import Run
from dagster_project.register import keys, place, records, store
from dagster_project.warehouse import issued
from dagster_project.warehouse.backup import back_up
from dagster_project.warehouse.database import fetch, published
from dagster_project.warehouse.paths import Warehouse
from dagster_project.warehouse.verify import findings
from tests.shell.conftest import AS_OF

INVOICES = "select * exclude (books_version) from marts.invoices order by all"


def _invoices(warehouse: Warehouse) -> object:
    with published(warehouse) as marts:
        return fetch(marts, INVOICES).rows()


def _agree(warehouse: Warehouse) -> None:
    register = store.opened(place.location_of(warehouse))
    keys.create(register, "tests", ["*"], AS_OF)
    item = {"id": "cus_" + "a" * 26, "name": "Nova"}
    records.append(register, records.Draft("mk_live_1…", "req_1", "x", "customer.create", item), AS_OF)


def test_what_is_restored_is_what_was_and_goes_on(small_run: Callable[..., Run], tmp_path: Path) -> None:
    run = small_run()
    _agree(run.warehouse)
    launch(run)
    outcome = CliRunner().invoke(
        app, ["backup", "--warehouse", str(run.warehouse.root), "--to", str(tmp_path / "backups" / "monday")]
    )
    assert outcome.exit_code == 0, outcome.output
    shutil.copytree(tmp_path / "backups" / "monday", tmp_path / "restored")
    restored = Warehouse(tmp_path / "restored")
    assert findings(restored) == []
    later = AS_OF + timedelta(days=30)
    for warehouse in (run.warehouse, restored):
        launch(small_run(warehouse=warehouse, as_of=later))
    assert _invoices(restored) == _invoices(run.warehouse)
    chains = [records.every(store.opened(place.location_of(one))) for one in (run.warehouse, restored)]
    assert chains[0] == chains[1]
    assert len(chains[0]) == 1


def test_a_copy_that_is_taken_during_a_run_is_whole(small_run: Callable[..., Run], tmp_path: Path) -> None:
    launch(small_run(as_of=AS_OF - timedelta(days=60)))
    warehouse = small_run().warehouse
    is_over, taken = threading.Event(), list[Path]()

    def copies() -> None:
        while not is_over.is_set():
            taken.append(tmp_path / "taken" / str(len(taken)))
            back_up(warehouse, taken[-1], lambda _: None)

    thread = threading.Thread(target=copies)
    thread.start()
    try:
        launch(small_run())
    finally:
        is_over.set()
        thread.join()
    back_up(warehouse, tmp_path / "taken" / "last", lambda _: None)
    chosen = [taken[0], *taken[len(taken) // 2 :: max(1, len(taken) // 6)], tmp_path / "taken" / "last"]
    assert all(findings(Warehouse(copy)) == [] for copy in chosen)
    numbers = {len(issued.read_headers(Warehouse(copy), AS_OF).invoices) for copy in chosen}
    assert max(numbers) == len(issued.read_headers(warehouse, AS_OF).invoices)


@pytest.mark.parametrize(
    ("warehouse", "to", "said"), [("nowhere", "new", "There is no warehouse"), (".", "there", "is there already")]
)
def test_a_backup_that_cannot_be_says_why(tmp_path: Path, warehouse: str, to: str, said: str) -> None:
    (tmp_path / "there").mkdir()
    outcome = CliRunner().invoke(app, ["backup", "--warehouse", str(tmp_path / warehouse), "--to", str(tmp_path / to)])
    assert outcome.exit_code != 0
    assert said in str(outcome.exception)
