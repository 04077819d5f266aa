"""Nights with a history behind them: what is made is what is said, and what is measured is shown."""

from __future__ import annotations

from pathlib import Path

from dagster_project import landing
from dagster_project.warehouse.database import connect
from dagster_project.warehouse.paths import Warehouse
from tests.benchmarks import history
from tests.benchmarks.history import FIRST_MONTH, Night, table_of, write_between_marks
from tests.benchmarks.results import Cost


def night(behind: int, cpu_seconds: float) -> Night:
    cost = Cost(seconds=2 * cpu_seconds, cpu_seconds=cpu_seconds, peak_bytes=2**20, stages=[])
    return Night(behind=behind, cost=cost, files=7, size_bytes=2**21)


def test_a_month_of_history_lands_whole_and_a_thirtieth_of_it_is_late(tmp_path: Path) -> None:
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    first, before = FIRST_MONTH.replace(month=2), FIRST_MONTH
    history.write_events(inbox / "2026-02.ndjson", first, before, customers=5, events=300)
    landed = landing.land(str(inbox), Warehouse(tmp_path / "warehouse"), FIRST_MONTH.replace(month=3))
    assert (landed.events, landed.quarantined) == (300, 0)
    with connect() as connection:
        late = connection.execute(
            f"select count(*) from read_json('{inbox}/*.ndjson') where \"timestamp\"::timestamp < timestamp '{first}'"
        ).fetchone()
    assert late == (300 // history.LATE_ONE_IN,)


def test_the_table_compares_the_last_night_with_an_early_one() -> None:
    text = table_of("36 months", "months", [night(behind, 10.0 + behind) for behind in range(36)])
    assert "| 35 | 90.0 | 45.0 | 1 | 7 | 2.0 |" in text
    assert "months 35 beside 4: 3.21 of the CPU, 1.00 of the memory." in text


def test_the_page_keeps_what_stands_around_the_marks(tmp_path: Path) -> None:
    page = tmp_path / "benchmark.md"
    page.write_text("above\n<!-- months: begin -->\nold\n<!-- months: end -->\nbelow\n")
    write_between_marks(page, "months", "new")
    write_between_marks(page, "landings", "more")
    text = page.read_text()
    assert "old" not in text
    assert text.index("above") < text.index("new") < text.index("below") < text.index("more")
