"""R-45: what a closed period takes, and what versions of its events may still do."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

moment = datetime.fromisoformat

JANUARY = (moment("2026-01-01"), moment("2026-02-01"))
COUNTS = """
select disposition, sum(events)::integer
from published.marts.reconciliation
where meter_code is null
group by all
order by all
"""
FEBRUARY = (moment("2026-02-01"), moment("2026-03-01"))


@pytest.fixture
def closed(house: Any) -> Any:
    """January is closed with what landing 1 brought; February is open."""
    house.customer("acme")
    house.contract("acme-1", "acme", JANUARY, FEBRUARY)
    house.meter("MINUTES", "sum", "minutes")
    house.close("acme-1", "acme", JANUARY, last_batch=1)
    return house


def test_events_that_landed_after_the_last_rerating_are_too_late(closed: Any) -> None:
    closed.event({"minutes": 1})
    closed.event({"minutes": 2}, batch=2)
    closed.event({"minutes": 4}, batch=2, at=moment("2026-02-10"))
    closed.event({"minutes": "four"}, batch=2)
    closed.event({}, batch=2, name="other")
    closed.below()
    closed.above()
    assert closed.dispositions() == ["metered", "too_late", "metered", "bad_quantity", "no_meter"]
    assert sorted(row["quantity"] for row in closed.usage().iter_rows(named=True)) == [1, 4]
    counted = closed.ask(COUNTS)
    assert counted == [("bad_quantity", 1), ("metered", 2), ("no_meter", 1), ("too_late", 1)]


def test_a_version_that_would_take_an_event_out_of_a_closed_period_neither_counts_nor_supersedes(closed: Any) -> None:
    closed.event({"minutes": 1}, key="moved")
    closed.event({"minutes": 2}, key="moved", batch=2, at=moment("2026-02-10"))
    closed.event({"minutes": 4}, key="voided")
    closed.event({}, key="voided", batch=2, tombstone=True)
    closed.event({"minutes": 8}, key="corrected")
    closed.event({"minutes": 16}, key="corrected", batch=2)
    closed.below()
    closed.above()
    assert closed.dispositions() == ["metered", "too_late"] * 3
    assert [row["quantity"] for row in closed.usage().iter_rows(named=True)] == [13]
    counted = closed.ask(COUNTS)
    assert counted == [("metered", 3), ("too_late", 3)]


def test_a_version_that_would_bring_an_event_into_a_closed_period_leaves_the_older_one_to_count(closed: Any) -> None:
    closed.event({"minutes": 1}, key="k", at=moment("2026-02-10"))
    closed.event({"minutes": 2}, key="k", batch=2, received=moment("2026-05-01"))
    closed.event({"minutes": 4}, key="k", batch=3, at=moment("2026-02-11"), received=moment("2026-05-02"))
    closed.below()
    assert closed.dispositions() == ["superseded", "too_late", "metered"]
    assert [row["quantity"] for row in closed.usage().iter_rows(named=True)] == [4]


def test_versions_that_the_last_rerating_knew_supersede_as_ever(closed: Any) -> None:
    closed.event({"minutes": 1}, key="k")
    closed.event({"minutes": 2}, key="k", received=moment("2026-01-20"))
    # a late landing that says it was received before changes nothing: it is superseded like any older version
    closed.event({"minutes": 4}, key="k", batch=2, received=moment("2026-01-19"), at=moment("2026-02-10"))
    closed.event({"minutes": 8}, key="gone", tombstone=True)
    closed.event({"minutes": 16}, key="gone", batch=2, at=moment("2026-02-10"))
    closed.below()
    assert closed.dispositions() == ["superseded", "metered", "superseded", "superseded", "metered"]
