"""Draft adjustments of closed periods outlive a lost derived/ and runs that die in between: nothing is left unbilled (R-43, R-45)."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from dagster_project.pipeline import steps
from tests.scenarios import pipeline

BOOKS = """
settings: {organization: Acme, currency: USD, grace_days: 3, rerate_days: 30}
meters: [{code: CALLS, display_name: Calls, event_name: call, aggregation: count}]
pricings: [{code: CALLS_PRICE, name: Calls, meter: CALLS, model: per_unit, unit_amount: "1.00"}]
plans: [{code: quarter, name: Quarter, currency: USD, billing_frequency: quarterly, pricings: [CALLS_PRICE], status: active}]
customers: [{id: bolt, name: Bolt}]
contracts: [{id: bolt-1, customer: bolt, plan: quarter, start_date: 2026-01-01, status: approved}]
"""
# the first quarter is issued in April and closes on the first of May; the second is issued in July
ISSUED, LATE, CLOSED, LATER, SECOND = "2026-04-05", "2026-04-20", "2026-05-02", "2026-06-15", "2026-07-05"
CORRECTIONS = "select status, total::varchar as total from marts.invoices where kind = 'adjustment'"


class Quarters:
    """A contract that is billed by the quarter."""

    def __init__(self, folder: Path) -> None:
        self.books, self.inbox, self.warehouse = folder / "books", folder / "inbox", folder / "warehouse"
        self.books.mkdir()
        self.inbox.mkdir()
        (self.books / "books.yml").write_text(BOOKS)

    def run(self, as_of: str, **calls: str) -> list[pipeline.Row]:
        """A run, before which calls arrive, by key and date; the adjustments it leaves."""
        if calls:
            lines = [
                {"event_name": "call", "customer_id": "bolt", "idempotency_key": key, "timestamp": day}
                for key, day in calls.items()
            ]
            (self.inbox / f"{as_of}.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
        pipeline.run(self.books, self.inbox, self.warehouse, as_of)
        return pipeline.marts(self.warehouse, CORRECTIONS)

    def dies(self, as_of: str, monkeypatch: pytest.MonkeyPatch, **calls: str) -> None:
        """A run that lands events and dies before it has rated them."""

        def die(*_: object) -> None:
            raise RuntimeError("killed")

        with monkeypatch.context() as patched:
            patched.setattr(steps, "usage", die)
            with pytest.raises(AssertionError):
                self.run(as_of, **calls)


@pytest.fixture
def quarters(tmp_path: Path) -> Quarters:
    made = Quarters(tmp_path)
    assert made.run(ISSUED, first="2026-01-10") == []
    return made


@pytest.mark.full
@pytest.mark.parametrize("lost", ["derived/pending", "derived"])
def test_a_draft_that_has_waited_for_weeks_is_had_back(quarters: Quarters, lost: str) -> None:
    quarters.run(LATE, second="2026-01-12")
    quarters.run(CLOSED)
    quarters.run(LATER)
    shutil.rmtree(quarters.warehouse / lost)
    assert quarters.run(SECOND) == [{"status": "issued", "total": "1.0000"}]


@pytest.mark.full
def test_what_a_dead_run_landed_before_a_period_closed_is_billed(quarters: Quarters, monkeypatch: pytest.MonkeyPatch) -> None:
    quarters.dies(LATE, monkeypatch, second="2026-01-12", third="2026-01-13")
    assert quarters.run(CLOSED, fourth="2026-01-14") == [{"status": "draft", "total": "2.0000"}]
    assert quarters.run(SECOND) == [{"status": "issued", "total": "2.0000"}]
    dispositions = "select sum(events)::bigint as events from marts.reconciliation where meter_code is null and disposition = "
    assert pipeline.marts(quarters.warehouse, f"{dispositions}'metered'") == [{"events": 3}]
    assert pipeline.marts(quarters.warehouse, f"{dispositions}'too_late'") == [{"events": 1}]
