"""What a second run on the same warehouse does: new landings, changed books (R-13), deleted state."""

from __future__ import annotations

from datetime import datetime
from typing import Any

moment = datetime.fromisoformat


def _staged_at(house: Any) -> list[tuple[int, int]]:
    return house.ask("select batch, count(*) from staging.stg_events group by batch order by batch")


def test_a_later_landing_is_added_and_supersedes(acme: Any) -> None:
    acme.meter("CALLS", "sum", "n")
    acme.event({"n": 1}, key="a")
    acme.event({"n": 2}, key="b")
    acme.below()
    assert acme.quantities() == {("CALLS",): "3"}
    acme.event({"n": 10}, key="a", batch=2, received=moment("2026-01-20"))
    acme.event({"n": 100}, key="c", batch=2)
    acme.below()
    assert acme.quantities() == {("CALLS",): "112"}
    assert _staged_at(acme) == [(1, 2), (2, 2)]


def test_an_old_version_that_lands_later_changes_nothing(acme: Any) -> None:
    acme.meter("CALLS", "sum", "n")
    acme.event({"n": 1}, key="a", received=moment("2026-01-20"))
    acme.below()
    acme.event({"n": 10}, key="a", batch=2, received=moment("2026-01-19"))
    acme.below()
    assert acme.quantities() == {("CALLS",): "1"}
    assert acme.dispositions() == ["metered", "superseded"]


def test_unmatched_events_are_rated_when_the_books_match_them(house: Any) -> None:
    house.meter("CALLS", "count")
    house.event({})
    house.below()
    assert house.dispositions() == ["unknown_customer"]
    house.customer("acme")
    house.below()
    assert house.dispositions() == ["no_active_contract"]
    house.contract("acme-1", "acme", plan="basic")
    house.below()
    assert house.dispositions() == ["no_meter"]
    house.add("plan_pricings", {"plan_code": "basic", "pricing_order": 0, "pricing_code": "CALLS"})
    house.below()
    assert house.dispositions() == ["metered"]


def test_events_are_read_anew_when_meters_ask_for_something_else(acme: Any) -> None:
    acme.meter("CALLS", "sum", "n")
    acme.event({"n": 1, "m": 10, "region": "US"})
    acme.below()
    acme.meter("MORE", "sum", "m", groups=["region"], filters=[("region", "in", ["US"])])
    acme.event({"n": 1, "m": 10, "region": "EU"}, batch=2)
    acme.below()
    assert acme.quantities() == {("CALLS",): "2", ("MORE", "US"): "10"}
    acme.rows["meters"].pop()
    acme.rows["meter_filters"].clear()
    acme.below()
    assert acme.quantities() == {("CALLS",): "2"}


def test_a_run_that_sees_fewer_landings_forgets_the_others(acme: Any) -> None:
    """A warehouse restored from a backup, or rehearsed as it was."""
    acme.meter("CALLS", "count")
    acme.event({})
    acme.event({}, batch=2)
    acme.below()
    acme.events.pop()
    acme.below()
    assert acme.quantities() == {("CALLS",): "1"}


def test_deleting_what_is_derived_costs_nothing_but_time(acme: Any) -> None:
    acme.meter("CALLS", "sum", "n", groups=["region"])
    for number in range(20):
        acme.event({"n": number, "region": f"r{number % 3}"}, key=f"k{number % 7}")
    acme.below()
    before = acme.usage()
    acme.warehouse.work_database.unlink()
    acme.below()
    assert acme.usage().equals(before)


def test_what_an_older_version_of_the_house_built_is_built_anew(acme: Any) -> None:
    acme.meter("CALLS", "sum", "n")
    acme.event({"n": 1}, key="a")
    acme.event({"n": 2}, key="a")
    acme._lay_out()
    acme.ask("create schema staging")
    acme.ask("create schema intermediate")
    acme.ask("create table staging.stg_events as select 1 as batch, 'x' as event_name, 'hash' as reading_version")
    acme.ask("create table intermediate.int_repeated_keys as select 1::ubigint as key_hash")
    acme.ask("create view intermediate.int_latest_events as select event_name from staging.stg_events")
    acme.below()
    assert acme.quantities() == {("CALLS",): "2"}


def test_the_databases_are_closed_after_a_build(acme: Any) -> None:
    acme.below()
    acme.above()
    moved = acme.warehouse.staged_database.rename(acme.warehouse.root / "moved.duckdb")
    acme.above()
    assert moved.exists()
    assert acme.warehouse.staged_database.exists()


def _routed(house: Any) -> list[tuple[int, int]]:
    """Rows of the groups in all, and those along the routes of now."""
    return house.ask(
        """
        select
            (select count(*) from intermediate.int_events_grouped_by_batch),
            (select count(*) from intermediate.int_events_on_current_routes)
        """
    )[0]


def _cut(house: Any, day: int | None) -> None:
    """The windows of acme-1 in January: one, or two that meet on a day."""
    first = {**house.rows["windows"][0], "window_start": moment("2026-01-01"), "window_end": moment("2026-02-01")}
    cut = moment(f"2026-01-{day or 1:02}")
    both = [{**first, "window_end": cut}, {**first, "window_start": cut}]
    house.rows["windows"] = both if day else [first]


def test_routes_that_go_back_find_what_was_added_up_along_them(acme: Any) -> None:
    acme.meter("CALLS", "sum", "n", groups=["region"])
    for number in range(20):
        acme.event({"n": 1, "region": f"r{number}"}, customer="acme" if number < 8 else "beta")
    acme.below()
    assert _routed(acme) == (20, 20)
    _cut(acme, 5)
    acme.event({"n": 1, "region": "r0"}, batch=2)
    acme.below()
    assert _routed(acme) == (29, 21)
    # along the first routes landing 1 has its rows, landing 2 has none
    acme.ask("update intermediate.int_events_grouped_by_batch set number_1_sum = 100 where route_start = '2026-01-01'")
    _cut(acme, None)
    acme.below()
    assert _routed(acme) == (30, 21)
    assert acme.quantities() == {("CALLS", "r0"): "101"} | {("CALLS", f"r{number}"): "100" for number in range(1, 8)}


def test_rows_along_old_routes_do_not_pile_up(acme: Any) -> None:
    """However often a month is routed another way, no night reads more of them than of those that count."""
    acme.meter("CALLS", "sum", "n", groups=["region"])
    for number in range(8):
        acme.event({"n": 1, "region": f"r{number}"})
    for day in (2, 3, 4):
        _cut(acme, day)
        acme.below()
        held, counted = _routed(acme)
        assert counted == 8
        assert held <= 2 * counted
    assert acme.quantities() == {("CALLS", f"r{number}"): "1" for number in range(8)}
