"""What a run leaves behind, what it does when it is interrupted, and what it refuses."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from dagster_project.checks import invariants
from dagster_project.cli.launch import launch
from dagster_project.definitions import defs
from dagster_project.defs.execution import QUIET
from dagster_project.defs.partitions import recorded_under
from dagster_project.errors import UserError
from dagster_project.pipeline import marts
from dagster_project.pipeline.run import Run
from dagster_project.warehouse import issued
from dagster_project.warehouse.database import connect, fetch
from dagster_project.warehouse.paths import Warehouse, WarehouseBusy
from dagster_project.warehouse.snapshot import looks_at_the_past, rehearsed
from rating.rate import Months
from tests.shell.conftest import AS_OF, Night, moment

# one call more for the customer of the guide's batch, in a period that is issued by then
LATE_CALL = (
    '{"event_name": "ai_call", "customer_id": "cust_789", "timestamp": "2026-02-11T12:00:00Z", "idempotency_key": "late-1", '
    '"properties": {"region": "US", "call_outcome": "resolved", "duration_minutes": 1}}\n'
)
DURABLE = ("raw_events", "landings", "quarantine", "issued")


def fingerprint(warehouse: Warehouse) -> dict[str, str]:
    """Every file that is never rewritten, by name and content."""
    return {
        str(path.relative_to(warehouse.root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for part in DURABLE
        for path in sorted((warehouse.root / part).rglob("*"))
        if path.is_file()
    }


def rows(warehouse: Warehouse, query: str) -> pl.DataFrame:
    with connect(warehouse.database, read_only=True) as connection:
        return fetch(connection, query)


def test_a_night_balances_and_publishes_what_it_issued(night: Night) -> None:
    run, outcome = night
    assert outcome.broken == ()
    numbers = rows(run.warehouse, "select number from marts.invoices where status = 'issued' order by number")
    assert numbers.get_column("number").to_list() == [f"INV-{n:06d}" for n in range(1, numbers.height + 1)]
    assert issued.read(run.warehouse, run.as_of).invoices.height == numbers.height


def test_the_guides_invoice_is_worth_425(night: Night) -> None:
    run, _ = night
    invoice = rows(
        run.warehouse,
        "select subtotal from marts.invoices where contract_id = 'northwind-2026' and kind = 'period' order by period_start limit 1",
    )
    assert str(invoice.item()) == "425.0000"


def test_a_night_says_what_deserves_a_look(night: Night) -> None:
    _, outcome = night
    assert "12 events `api_calls`: no_meter." in outcome.cautions
    assert any(" in quarantine: the line is not valid JSON (line " in sentence for sentence in outcome.cautions)


def test_data_docs_are_written(night: Night) -> None:
    run, _ = night
    assert (run.warehouse.data_docs / "index.html").exists()


def test_running_twice_with_the_same_as_of_changes_nothing(night: Night) -> None:
    run, _ = night
    durable, marts = fingerprint(run.warehouse), rows(run.warehouse, "from marts.invoices order by invoice_id")
    again = launch(replace(run))
    assert again.balanced
    assert fingerprint(run.warehouse) == durable
    assert rows(run.warehouse, "from marts.invoices order by invoice_id").equals(marts)


def test_killed_between_the_two_renames_the_next_run_heals(
    small_run: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(_: Run) -> Path:
        raise KeyError("killed between the renames")

    run = small_run()
    with monkeypatch.context() as patched:
        patched.setattr(marts, "publish", killed)
        assert not launch(run).balanced
    assert [batch.name for batch in issued.batches(run.warehouse)] == ["000001"]
    assert not run.warehouse.database.exists()

    assert launch(small_run()).balanced
    assert [batch.name for batch in issued.batches(run.warehouse)] == ["000001"]
    shown = rows(run.warehouse, "select number from marts.invoices where status = 'issued' order by number").get_column(
        "number"
    )
    assert shown.to_list() == issued.read(run.warehouse, run.as_of).invoices.get_column("number").sort().to_list()


def test_deleting_what_is_derived_costs_time_only(small_run: Callable[..., Run], tmp_path: Path) -> None:
    first = small_run()
    assert launch(first).balanced
    (tmp_path / "inbox" / "late.jsonl").write_text(LATE_CALL)
    other = Warehouse(tmp_path / "other")
    shutil.copytree(first.warehouse.root, other.root)
    shutil.rmtree(other.derived)
    other.database.unlink()
    later = moment("2026-04-20")
    assert launch(small_run(as_of=later)).balanced
    assert launch(small_run(as_of=later, warehouse=other)).balanced
    for table in ("invoices", "invoice_lines", "credit_ledger", "usage", "reconciliation"):
        query = f"from marts.{table} order by all"
        assert rows(other, query).equals(rows(first.warehouse, query)), table
    assert rows(other, "select count(*) from marts.invoices where kind = 'adjustment'").item() == 1


def test_a_backfill_launched_from_the_graph_rates_its_partitions_only(
    small_run: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = small_run()
    for name, place in (("BOOKS", run.books_folder), ("INBOX", run.inbox), ("WAREHOUSE", run.warehouse.root)):
        monkeypatch.setenv(f"METERHOUSE_{name}", str(place))
    result = (
        defs()
        .resolve_job_def("backfill")
        .execute_in_process(
            run_config={"resources": {"meterhouse_run": {"config": {"as_of": "2026-04-10T00:00:00Z"}}}} | QUIET,
            tags=recorded_under(Months("2026-02", "2026-02"), AS_OF),
        )
    )
    assert result.success
    assert rows(run.warehouse, "select distinct month from marts.invoices").get_column("month").to_list() == ["2026-02"]


def test_a_broken_law_issues_nothing(small_run: Callable[..., Run], monkeypatch: pytest.MonkeyPatch) -> None:
    broken = invariants.Proof("totals_tie", holds=False, says="A total is off by a cent.")
    monkeypatch.setattr(invariants, "of_documents", lambda *_: [broken])
    run = small_run()
    outcome = launch(run)
    assert outcome.broken == ("rating/invoices: totals_tie failed. A total is off by a cent.",)
    assert not run.warehouse.issued.exists()
    assert not run.warehouse.database.exists()


def test_no_issue_writes_drafts_only(small_run: Callable[..., Run]) -> None:
    run = small_run(issue=False)
    assert launch(run).balanced
    assert issued.batches(run.warehouse) == []
    statuses = rows(run.warehouse, "select distinct status from marts.invoices").get_column("status").to_list()
    assert statuses == ["draft"]
    assert rows(run.warehouse, "select count(*) as posted from marts.credit_ledger where status = 'posted'").item() == 0


def test_a_rehearsal_leaves_the_warehouse_as_it_was(night: Night) -> None:
    run, _ = night
    before = fingerprint(run.warehouse), run.warehouse.database.stat().st_mtime_ns
    with rehearsed(run.warehouse, moment("2026-05-10")) as stage:
        asked = replace(run, warehouse=stage, as_of=moment("2026-05-10"))
        assert launch(asked).balanced
        assert issued.batches(stage)[-1].as_of == moment("2026-05-10")
    assert (fingerprint(run.warehouse), run.warehouse.database.stat().st_mtime_ns) == before


def test_the_past_is_refused_but_may_be_looked_at(night: Night) -> None:
    run, _ = night
    with pytest.raises(UserError, match=r"before the last run .* add --dry-run"):
        launch(replace(run, as_of=moment("2026-03-01")))
    assert looks_at_the_past(run.warehouse, moment("2026-03-01"))


def test_the_second_run_says_so_and_stops(night: Night) -> None:
    run, _ = night
    with run.warehouse.locked(), pytest.raises(WarehouseBusy, match="another run is at work"):
        launch(replace(run))
