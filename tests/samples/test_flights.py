"""The flights as events are all the flights, and the year worked out by hand counts the same ones."""

from __future__ import annotations

from collections import Counter
from datetime import date
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from dagster_project.demo import sample_events
from tests.samples import airport_by_hand

FLIGHTS = 336_776


@pytest.fixture(scope="module")
def events(tmp_path_factory: pytest.TempPathFactory) -> pl.DataFrame:
    files = sample_events.write_flights(tmp_path_factory.mktemp("inbox"))
    assert [file.name for file in files] == [f"flights-{month}.parquet" for month in sample_events.FLIGHT_MONTHS]
    return pl.concat(pl.read_parquet(file).with_columns(month=pl.lit(int(file.stem[-2:]))) for file in files)


def test_every_departure_of_the_year_is_one_event(events: pl.DataFrame) -> None:
    assert events.height == FLIGHTS
    assert events["idempotency_key"].n_unique() == FLIGHTS
    assert events["external_customer_id"].n_unique() == 16


def test_a_flight_lies_in_the_local_month_of_its_file(events: pl.DataFrame) -> None:
    local = events["timestamp"].dt.convert_time_zone("America/New_York")
    assert local.dt.year().unique().to_list() == [2013]
    assert (local.dt.month() == events["month"]).all()


def test_the_instant_is_the_scheduled_one(events: pl.DataFrame) -> None:
    first = events.filter(idempotency_key="UA1545-EWR-20130101T0515")
    assert str(first["timestamp"][0]) == "2013-01-01 10:15:00+00:00"
    assert first["properties.time_of_day"].to_list() == ["night"]


def test_a_cancelled_flight_has_neither_time_of_day_nor_delay(events: pl.DataFrame) -> None:
    assert events["properties.time_of_day"].null_count() == 8_255
    assert (events["properties.time_of_day"].is_null() == events["properties.delay_minutes"].is_null()).all()


def test_the_flights_are_written_the_same_every_time(tmp_path: Path) -> None:
    once, again = (sample_events.write_flights(tmp_path / name, ["2013-02"]) for name in ("once", "again"))
    assert [file.read_bytes() for file in once] == [file.read_bytes() for file in again]


def test_a_month_without_flights_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no flights in 2014-01: the sample covers 2013-01 to 2013-12"):
        sample_events.write_flights(tmp_path, ["2013-01", "2014-01"])


def test_events_and_the_year_by_hand_count_the_same_departures(events: pl.DataFrame) -> None:
    columns = ("external_customer_id", "month", "properties.origin", "properties.time_of_day")
    counted = {
        (carrier, month, (origin, time_of_day)): count
        for carrier, month, origin, time_of_day, count in events.group_by(columns).len().iter_rows()
    }
    by_hand: Counter[tuple[str, int, tuple[str | None, ...]]] = Counter()
    for line in airport_by_hand.invoice_lines():
        if line.pricing == "RUNWAY":
            by_hand[line.carrier, line.month, line.values] += int(line.quantity)
    assert by_hand == counted


def test_events_and_the_year_by_hand_know_the_same_seats(events: pl.DataFrame) -> None:
    departed = events.filter(pl.col("properties.time_of_day").is_not_null())
    by_hand = sum(line.quantity for line in airport_by_hand.invoice_lines() if "SEAT_CHARGE" in (line.pricing or ""))
    assert by_hand == departed["properties.seats"].sum()
    assert airport_by_hand.unregistered_departures() == departed["properties.seats"].null_count() == 48_550


@pytest.mark.parametrize(
    ("carrier", "month", "pricing", "values", "amount"),
    [
        ("UA", 1, "RUNWAY", ("EWR", "morning"), "123255.00"),  # 1494 * 82.50
        ("B6", 5, "GROUND_HANDLING", ("JFK",), "124900.20"),  # 500 * 45.00 + 1000 * 38.25 + 2043 * 31.40
        ("US", 6, "GROUND_HANDLING", ("LGA",), "23953.50"),  # 500 * 45.00 + 38 * 38.25, from 15 June
        ("US", 6, "CHECK_IN_COUNTERS", (), "960.00"),  # 1800 * 16/30
        ("US", 6, None, (), "5500.00"),  # 1500 * 14/30 + 9000 * 16/30
        ("B6", 5, "SEAT_CHARGE", ("EWR",), "2907.64"),  # 68415 * 0.0425 = 2907.6375
        ("B6", 5, "RAMP_PERMITS", (), "3276.00"),  # 182 * 18.00
        ("HA", 1, "VISITOR_SEAT_CHARGE", ("JFK",), "730.44"),  # 11687 * 0.0625 = 730.4375
    ],
)
def test_the_year_by_hand_checked_with_a_pencil(
    carrier: str, month: int, pricing: str | None, values: tuple[str, ...], amount: str
) -> None:
    (line,) = [
        line
        for line in airport_by_hand.invoice_lines()
        if (line.carrier, line.month, line.pricing, line.values) == (carrier, month, pricing, values)
    ]
    assert line.amount == Decimal(amount)


def test_jetblues_summer_evenings_begin_in_the_middle_of_may() -> None:
    evenings = [
        (line.price_from, line.quantity, line.amount)
        for line in airport_by_hand.invoice_lines()
        if (line.carrier, line.month, line.values) == ("B6", 5, ("JFK", "evening"))
    ]
    assert evenings == [
        (date(2013, 5, 1), Decimal(631), Decimal("71145.25")),  # 631 * 112.75
        (date(2013, 5, 20), Decimal(418), Decimal("41361.10")),  # 418 * 98.95
    ]


def test_skywest_pays_its_minimum_in_every_month_but_the_busy_one() -> None:
    totals = airport_by_hand.totals()
    assert [totals["OO", month][2] for month in range(1, 13) if month != 9] == [Decimal("600.00")] * 11
    assert totals["OO", 9][2] == Decimal("1846.65")


def test_credits_pay_their_value_or_lapse() -> None:
    totals = airport_by_hand.totals()
    assert sum(totals["DL", month][1] for month in range(1, 13)) == Decimal("4000000.00")
    assert [totals["VX", month][1] > 0 for month in range(1, 13)] == [True] * 6 + [False] * 6
    assert sum(totals["VX", month][1] for month in range(1, 13)) < Decimal("255000.00")
