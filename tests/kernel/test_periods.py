"""Billing periods: anchors, frequencies, zones, short ones (R-6, R-7, R-17)."""

from __future__ import annotations

import pytest

from tests.kernel.house import House, Said, books, per_unit, rows


def periods(house: House, contract: Said, as_of: str, **plan: str) -> list[str]:
    """Periods that begin by as_of, by their local days."""
    house.open(books(per_unit("1"), contract=contract, plan=plan))
    return [f"{row.start_date}/{row.end_date}" for row in rows(house.schedule(as_of).periods)]


@pytest.mark.parametrize(
    ("contract", "expected"),
    [
        # T1 of the worked examples: from the 15th on
        ({"start_date": "2026-02-15"}, ["2026-02-15/2026-03-15", "2026-03-15/2026-04-15", "2026-04-15/2026-05-15"]),
        ({"start_date": "2026-02-15", "billing_anchor": 1}, ["2026-02-15/2026-03-01", "2026-03-01/2026-04-01"]),
        ({"start_date": "2026-02-15", "billing_anchor": 20}, ["2026-02-15/2026-02-20", "2026-02-20/2026-03-20"]),
        # anchors 29 to 31 clamp and return
        ({"start_date": "2025-12-31"}, ["2025-12-31/2026-01-31", "2026-01-31/2026-02-28", "2026-02-28/2026-03-31"]),
        ({"start_date": "2026-01-30"}, ["2026-01-30/2026-02-28", "2026-02-28/2026-03-30", "2026-03-30/2026-04-30"]),
        ({"start_date": "2026-01-29"}, ["2026-01-29/2026-02-28", "2026-02-28/2026-03-29"]),
        # the anchor day of a short month is at or before the start
        ({"start_date": "2026-02-28", "billing_anchor": 31}, ["2026-02-28/2026-03-31", "2026-03-31/2026-04-30"]),
        ({"start_date": "2026-02-27", "billing_anchor": 31}, ["2026-02-27/2026-02-28", "2026-02-28/2026-03-31"]),
        # over the end of the year
        ({"start_date": "2026-01-10", "billing_anchor": 31}, ["2026-01-10/2026-01-31", "2026-01-31/2026-02-28"]),
    ],
)
def test_r17_months_run_from_anchor_to_anchor(house: House, contract: Said, expected: list[str]) -> None:
    assert periods(house, contract, "2026-04-16")[: len(expected)] == expected


@pytest.mark.parametrize(
    ("frequency", "start", "anchor", "expected"),
    [
        ("quarterly", "2024-05-20", "01-01", ["2024-05-20/2024-07-01", "2024-07-01/2024-10-01"]),
        ("quarterly", "2024-07-01", "01-01", ["2024-07-01/2024-10-01", "2024-10-01/2025-01-01"]),
        ("quarterly", "2024-01-14", "02-15", ["2024-01-14/2024-02-15", "2024-02-15/2024-05-15"]),
        ("semi_annually", "2024-03-31", "04-01", ["2024-03-31/2024-04-01", "2024-04-01/2024-10-01"]),
        ("annually", "2024-03-31", "04-06", ["2024-03-31/2024-04-06", "2024-04-06/2025-04-06"]),
        ("annually", "2023-03-01", "02-29", ["2023-03-01/2024-02-29", "2024-02-29/2025-02-28"]),
    ],
)
def test_r108_periods_align_to_a_day_of_the_year(
    house: House, frequency: str, start: str, anchor: str, expected: list[str]
) -> None:
    found = periods(house, {"start_date": start, "billing_anchor": anchor}, "2026-01-01", billing_frequency=frequency)
    assert found[:2] == expected


def test_r17_a_leap_february_has_its_29th(house: House) -> None:
    found = periods(house, {"start_date": "2028-01-31"}, "2028-03-31")
    assert found == ["2028-01-31/2028-02-29", "2028-02-29/2028-03-31", "2028-03-31/2028-04-30"]


@pytest.mark.parametrize(
    ("frequency", "contract", "as_of", "expected"),
    [
        # 2026-01-01 is a Thursday: weeks run from Thursday on
        ("weekly", {}, "2026-01-15", ["2026-01-01/2026-01-08", "2026-01-08/2026-01-15", "2026-01-15/2026-01-22"]),
        ("weekly", {"start_date": "2028-02-25"}, "2028-03-01", ["2028-02-25/2028-03-03"]),
        ("quarterly", {}, "2026-04-01", ["2026-01-01/2026-04-01", "2026-04-01/2026-07-01"]),
        # from the anchor day at or before the start, in steps of the frequency
        (
            "quarterly",
            {"start_date": "2026-02-15", "billing_anchor": 1},
            "2026-08-01",
            ["2026-02-15/2026-05-01", "2026-05-01/2026-08-01", "2026-08-01/2026-11-01"],
        ),
        ("quarterly", {"start_date": "2025-11-30"}, "2026-03-01", ["2025-11-30/2026-02-28", "2026-02-28/2026-05-30"]),
        ("semi_annually", {"start_date": "2025-08-31"}, "2026-03-01", ["2025-08-31/2026-02-28", "2026-02-28/2026-08-31"]),
        ("annually", {"start_date": "2027-06-01"}, "2028-06-01", ["2027-06-01/2028-06-01", "2028-06-01/2029-06-01"]),
        (
            "annually",
            {"start_date": "2028-02-29"},
            "2032-03-01",
            [
                "2028-02-29/2029-02-28",
                "2029-02-28/2030-02-28",
                "2030-02-28/2031-02-28",
                "2031-02-28/2032-02-29",
                "2032-02-29/2033-02-28",
            ],
        ),
    ],
)
def test_r17_every_frequency(house: House, frequency: str, contract: Said, as_of: str, expected: list[str]) -> None:
    assert periods(house, contract, as_of, billing_frequency=frequency) == expected


@pytest.mark.parametrize(
    ("contract", "expected"),
    [
        ({"end_date": "2026-02-10"}, ["2026-01-01/2026-02-01", "2026-02-01/2026-02-10"]),
        ({"end_date": "2026-02-01"}, ["2026-01-01/2026-02-01"]),
        ({"end_date": "2026-02-02"}, ["2026-01-01/2026-02-01", "2026-02-01/2026-02-02"]),
        ({"start_date": "2026-01-10", "end_date": "2026-01-11", "billing_anchor": 5}, ["2026-01-10/2026-01-11"]),
        ({"start_date": "2026-01-10", "end_date": "2026-02-05", "billing_anchor": 5}, ["2026-01-10/2026-02-05"]),
    ],
)
def test_r17_a_contract_that_starts_or_ends_inside_makes_a_short_period(
    house: House, contract: Said, expected: list[str]
) -> None:
    assert periods(house, contract, "2026-06-01") == expected


def test_r17_periods_begin_at_local_midnight_on_both_sides_of_a_clock_change(house: House) -> None:
    house.open(books(per_unit("1"), contract={"timezone": "America/New_York"}))
    found = rows(house.schedule("2026-12-02").periods)
    starts = {row.start_date: row.period_start for row in found}
    assert starts["2026-03-01"] == "2026-03-01T05:00"
    assert starts["2026-04-01"] == "2026-04-01T04:00"
    assert starts["2026-11-01"] == "2026-11-01T04:00"
    assert starts["2026-12-01"] == "2026-12-01T05:00"
    assert [row.period_end for row in found[:-1]] == [row.period_start for row in found[1:]]


def test_r17_a_period_may_begin_on_a_day_without_midnight(house: House) -> None:
    """Beirut, 27 March 2022: clocks jump from 24:00 of the day before to 01:00."""
    house.open(books(per_unit("1"), contract={"timezone": "Asia/Beirut", "start_date": "2022-02-27"}))
    first, second, *_ = rows(house.schedule("2022-04-01").periods)
    assert (first.period_start, first.period_end) == ("2022-02-26T22:00", "2022-03-26T22:00")
    assert (second.period_start, second.period_end) == ("2022-03-26T22:00", "2022-04-26T21:00")


def test_r6_a_contract_without_a_zone_takes_that_of_the_settings(house: House) -> None:
    house.open(books(per_unit("1"), settings={"timezone": "Asia/Tokyo"}))
    assert rows(house.schedule("2026-01-01").periods)[0].period_start == "2025-12-31T15:00"


def test_r7_a_draft_contract_has_no_period_and_no_bill_until_it_is_approved(house: House) -> None:
    house.open(books(per_unit("1"), contract={"status": "draft"}, grants=[{"id": "g", "amount": "5"}], plan={"base_fee": "10"}))
    run = house.run("2026-03-10")
    assert (run.bills(), run.entries()) == ([], [])
    house.open(books(per_unit("1"), contract={"status": "approved"}, plan={"base_fee": "10"}))
    run = house.run("2026-03-11")
    assert [(bill.header.period_start, bill.header.status) for bill in run.bills()] == [
        ("2026-01-01", "issued"),
        ("2026-02-01", "issued"),
        ("2026-03-01", "draft"),
    ]


def test_r36_a_period_has_a_bill_from_its_start_on(house: House) -> None:
    """Usage may be an hour ahead of the clock, bills may not: the schedule knows the period, the run does not bill it yet."""
    house.open(books(per_unit("1")))
    assert [row.start_date for row in rows(house.schedule("2026-01-31T23:30").periods)] == ["2026-01-01", "2026-02-01"]
    assert [bill.header.period_start for bill in house.run("2026-01-31T23:59:59.999999").bills()] == ["2026-01-01"]
    assert [bill.header.period_start for bill in house.run("2026-02-01").bills()] == ["2026-01-01", "2026-02-01"]


@pytest.mark.parametrize(
    ("contract", "plan", "full_days"),
    [
        ({"start_date": "2026-02-15", "billing_anchor": 1}, {}, [28, 31]),
        ({"end_date": "2026-02-10"}, {}, [31, 28]),
        ({"start_date": "2028-02-15", "billing_anchor": 1, "end_date": "2028-03-05"}, {}, [29, 31]),
        # 28 + 31 + 30 days from 1 February to 1 May
        ({"start_date": "2026-02-15", "billing_anchor": 1, "end_date": "2026-04-01"}, {"billing_frequency": "quarterly"}, [89]),
        ({"start_date": "2028-01-01", "end_date": "2028-02-01"}, {"billing_frequency": "annually"}, [366]),
        ({"end_date": "2026-01-03"}, {"billing_frequency": "weekly"}, [7]),
    ],
)
def test_r28_a_short_period_knows_the_days_of_the_full_one(
    house: House, contract: Said, plan: Said, full_days: list[int]
) -> None:
    house.open(books(per_unit("1"), contract=contract, plan=plan))
    assert [row.full_days for row in rows(house.schedule("2028-03-20").periods)][: len(full_days)] == full_days
