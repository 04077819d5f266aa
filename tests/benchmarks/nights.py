"""Nights of one organization: `meterhouse run` as a person or a schedule would start it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

from tests.benchmarks import events
from tests.benchmarks.events import Month
from tests.benchmarks.measure import cost_of
from tests.benchmarks.results import Cost

# January is over and its days of grace too: the first night issues every invoice of the month
FIRST_NIGHT = datetime(2026, 2, 4, 3)  # noqa: DTZ001
FIRST, NOTHING_TO_DO = "first night", "nothing to do"


def warehouse(folder: Path) -> Path:
    return folder / "warehouse"


def run_nights(folder: Path, books: Path, month: Month, nights: int) -> Iterator[tuple[str, Cost]]:
    """Land and bill the month, then let so many nights follow that bring late events of it, then one that brings nothing.

    Yields each night's name and cost as soon as it is over, so that the caller can look at the warehouse in between.
    """
    for night in range(nights):
        if night:
            events.write_late(folder, month, night)
        yield (f"night {night + 1}" if night else FIRST), _night(folder, books, night)
    yield NOTHING_TO_DO, _night(folder, books, nights)


def command(folder: Path, books: Path, into: Path, as_of: datetime) -> list[str]:
    """The arguments of `meterhouse` for one night."""
    places = ["--books", str(books), "--inbox", str(events.inbox(folder)), "--warehouse", str(into)]
    return ["run", *places, "--as-of", as_of.isoformat()]


def _night(folder: Path, books: Path, night: int) -> Cost:
    as_of = FIRST_NIGHT + timedelta(days=night)
    return cost_of("dagster_project", *command(folder, books, warehouse(folder), as_of))
