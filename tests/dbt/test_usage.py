"""R-16, R-18: how metered events become usage."""

from __future__ import annotations

import random
from collections import defaultdict
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from itertools import pairwise
from typing import Any

import pytest

moment = datetime.fromisoformat

START, MIDDLE, END = moment("2026-01-01"), moment("2026-01-15"), moment("2026-02-01")


def test_every_aggregation(acme: Any) -> None:
    for aggregation in ("sum", "max", "min", "latest", "average", "unique"):
        acme.meter(aggregation.upper(), aggregation, "load", groups=["host"])
    acme.meter("COUNT", "count", groups=["host"])
    for day, load in ((3, "2"), (1, "5.5"), (2, "-1"), (2, "-1.0")):
        acme.event({"host": "a", "load": load}, at=moment(f"2026-01-{day:02d}"))
    acme.event({"load": 7}, at=moment("2026-01-09"))
    acme.below()
    assert acme.quantities() == {
        ("SUM", "a"): "5.5",
        ("COUNT", "a"): "4",
        ("MAX", "a"): "5.5",
        ("MIN", "a"): "-1",
        ("LATEST", "a"): "2",
        ("AVERAGE", "a"): "1.375",
        # texts are distinct, not numbers: these came as strings
        ("UNIQUE", "a"): "4",
        **{(name, None): "7" for name in ("SUM", "MAX", "MIN", "LATEST", "AVERAGE")},
        ("COUNT", None): "1",
        ("UNIQUE", None): "1",
    }
    assert set(acme.usage().get_column("event_count")) == {4, 1}


def test_numbers_that_are_equal_are_one_unique_value(acme: Any) -> None:
    acme.meter("SEATS", "unique", "seat")
    for seat in ("1", "1.0", '"1"', "1e0", "true", '"true"', '""'):
        acme.event(f'{{"seat": {seat}}}')
    acme.event({"seat": None})
    acme.event({})
    acme.below()
    assert acme.quantities() == {("SEATS",): "3"}
    assert acme.dispositions() == ["metered"] * 7 + ["bad_quantity"] * 2


@pytest.mark.parametrize(
    ("loads", "average"),
    [
        (["1", "0", "0"], "0.333333333"),
        (["2", "0", "0"], "0.666666667"),
        (["0.000000001", "0"], "0.000000001"),
        (["-0.000000001", "0"], "-0.000000001"),
        (["-0.000000001", "0", "0"], "0"),
        (["999999999999999.999999999"] * 3, "999999999999999.999999999"),
        (["0.000000001", "0.000000002"], "0.000000002"),
    ],
)
def test_averages_round_half_away_from_zero_at_nine_decimals(acme: Any, loads: list[str], average: str) -> None:
    acme.meter("LOAD", "average", "load")
    for load in loads:
        acme.event({"load": load})
    acme.below()
    assert acme.quantities() == {("LOAD",): average}


def test_r100_percentiles_are_readings_by_nearest_rank_and_idle_intervals_count_as_nothing(acme: Any) -> None:
    """Against the definition, over random readings below and above zero; January has 62 half days."""
    rolls = random.Random(100)
    loads = defaultdict(list)
    for host in "abcdef":
        for _ in range(rolls.randint(1, 90)):
            at = START + timedelta(hours=rolls.randrange(31 * 24))
            loads[host].append((at, Decimal(rolls.randint(-900, 900)) / 10))
            acme.event({"host": host, "load": str(loads[host][-1][1])}, at=at)
    expected = {}
    for percent in ("0.1", "5", "50", "95", "99.999999999", "100"):
        for interval in (None, 43_200):
            code = f"P{percent}_{interval}"
            acme.meter(code, "percentile", "load", groups=["host"], percentile=Decimal(percent), interval_seconds=interval)
            for host, readings in loads.items():
                values = [load for _, load in readings]
                if interval:
                    sums = [Decimal(0)] * 62
                    for at, load in readings:
                        sums[(at - START) // timedelta(hours=12)] += load
                    values = sums
                place = -(-Fraction(percent) * len(values) // 100)
                expected[code, host] = f"{sorted(values)[int(place) - 1].normalize() + 0:f}"
    acme.below()
    assert acme.quantities() == expected


def random_readings(acme: Any, seed: int) -> dict[str, list[tuple[datetime, Decimal]]]:
    """Readings of a few hosts over January, by host in the order of time."""
    rolls = random.Random(seed)
    loads = defaultdict(list)
    for host in "abcd":
        for _ in range(rolls.randint(1, 40)):
            at = START + timedelta(microseconds=rolls.randrange(31 * 86_400 * 10**6))
            loads[host].append((at, Decimal(rolls.randint(-900, 9_000)) / 10))
            acme.event({"host": host, "load": str(loads[host][-1][1])}, at=at)
    return {host: sorted(readings) for host, readings in loads.items()}


def test_r98_a_level_counts_for_as_long_as_it_holds(acme: Any) -> None:
    loads = random_readings(acme, 98)
    acme.meter("LEVEL", "level", "load", groups=["host"])
    expected = {}
    for host, readings in loads.items():
        ends = [at for at, _ in readings[1:]] + [END]
        held = sum(
            Fraction(load) * ((end - at) // timedelta(microseconds=1)) for (at, load), end in zip(readings, ends, strict=True)
        )
        share = held / (31 * 86_400 * 10**6)
        billionths = (abs(share) * 10**9 * 2 + 1) // 2 * (1 if share > 0 else -1)
        expected["LEVEL", host] = f"{(Decimal(int(billionths)) / 10**9).normalize() + 0:f}"
    acme.below()
    assert acme.quantities() == expected


def test_r98_a_level_goes_on_into_later_periods_and_counts_by_the_plans_that_bill_it(house: Any) -> None:
    house.customer("acme")
    middle, february = moment("2026-01-16 12:00"), moment("2026-02-01")
    house.contract("acme-1", "acme", (START, middle), (middle, february), plan="pro", later_plan="basic")
    house.contract("acme-2", "acme", (START, february), plan="basic")
    house.meter("STORED", "level", "load", plans=["pro"])
    house.event({"load": "31"}, at=moment("2026-01-05"), pin="acme-1")
    house.below()
    usage = house.usage().select("contract_id", "window_start", "window_end", "quantity", "event_count").rows()
    # eleven and a half days of 31
    assert usage == [("acme-1", START, middle, Decimal("11.5"), 1)]


def test_r99_a_counter_counts_its_growth_and_begins_anew_where_it_falls(acme: Any) -> None:
    loads = random_readings(acme, 99)
    acme.meter("GROWN", "counter", "load", groups=["host"])
    acme.meter("FROM_ZERO", "counter", "load", groups=["host"], from_zero=True)
    expected = {}
    for host, readings in loads.items():
        values = [load for _, load in readings]
        grown = sum((now if now < before else now - before for before, now in pairwise(values)), Decimal(0))
        expected["GROWN", host] = f"{grown.normalize() + 0:f}"
        expected["FROM_ZERO", host] = f"{(values[0] + grown).normalize() + 0:f}"
    acme.below()
    assert acme.quantities() == expected


def test_the_latest_value_is_told_by_time_then_receipt_then_place(acme: Any) -> None:
    acme.meter("LEVEL", "latest", "level", groups=["case"])
    noon = moment("2026-01-10 12:00")
    later = noon + timedelta(microseconds=1)
    acme.event({"case": "time", "level": 1}, at=later, received=later)
    acme.event({"case": "time", "level": 2}, at=noon, received=END)
    acme.event({"case": "receipt", "level": 1}, at=noon, received=later)
    acme.event({"case": "receipt", "level": 2}, at=noon, received=noon)
    acme.event({"case": "file", "level": 1}, at=noon, received=noon, file="b")
    acme.event({"case": "file", "level": 2}, at=noon, received=noon, file="a")
    acme.event({"case": "position", "level": 1}, at=noon, received=noon)
    acme.event({"case": "position", "level": 2}, at=noon, received=noon)
    acme.below()
    assert acme.quantities() == {
        ("LEVEL", "time"): "1",
        ("LEVEL", "receipt"): "1",
        ("LEVEL", "file"): "1",
        ("LEVEL", "position"): "2",
    }


def test_sum_and_count_are_kept_per_window_and_the_others_per_period(house: Any) -> None:
    house.customer("acme")
    house.contract("acme-1", "acme", (START, MIDDLE), (MIDDLE, END))
    aggregations = ("sum", "max", "min", "latest", "average", "unique")
    for aggregation in aggregations:
        house.meter(aggregation.upper(), aggregation, "n")
    house.meter("COUNT", "count")
    house.event({"n": 1}, at=MIDDLE - timedelta(microseconds=1))
    house.event({"n": 5}, at=MIDDLE)
    house.event({"n": 3}, at=MIDDLE)
    house.below()
    usage = {(row["meter_code"], row["window_start"]): row for row in house.usage().iter_rows(named=True)}
    assert {key: int(row["quantity"]) for key, row in usage.items()} == {
        ("SUM", START): 1,
        ("SUM", MIDDLE): 8,
        ("COUNT", START): 1,
        ("COUNT", MIDDLE): 2,
        ("MAX", START): 5,
        ("MIN", START): 1,
        ("LATEST", START): 3,
        ("AVERAGE", START): 3,
        ("UNIQUE", START): 3,
    }
    for (code, start), row in usage.items():
        assert row["window_end"] == (MIDDLE if (code, start) in {("SUM", START), ("COUNT", START)} else END)


def test_meters_of_one_event_group_by_keys_of_their_own(acme: Any) -> None:
    acme.meter("BY_REGION", "sum", "n", groups=["region"])
    acme.meter("BY_AGENT", "sum", "m", groups=["agent", "region"])
    acme.meter("TOTAL", "count")
    for region, agent, n, m in (("US", "x", 1, 10), ("US", "y", 2, 20), ("EU", "x", 4, "bad")):
        acme.event({"region": region, "agent": agent, "n": n, "m": m})
    acme.below()
    assert acme.quantities() == {
        ("BY_REGION", "US"): "3",
        ("BY_REGION", "EU"): "4",
        ("BY_AGENT", "x", "US"): "10",
        ("BY_AGENT", "y", "US"): "20",
        ("TOTAL",): "3",
    }


def test_one_meter_may_take_several_names(acme: Any) -> None:
    acme.meter("TIME", "sum", "minutes", groups=["region"], names=["call", "chat"])
    acme.meter("SIZE", "sum", "bytes", groups=["agent"], names=["chat"])
    acme.event({"minutes": 1, "region": "US"})
    acme.event({"minutes": 2, "region": "US", "bytes": 7, "agent": "x"}, name="chat")
    acme.below()
    assert acme.quantities() == {("TIME", "US"): "3", ("SIZE", "x"): "7"}


def test_long_fractions_add_up_exactly(acme: Any) -> None:
    acme.meter("N", "sum", "n")
    for _ in range(10):
        acme.event({"n": "0.1"})
        acme.event('{"n": 0.2}')
    acme.event({"n": "123456789012345.123456789"})
    acme.below()
    assert acme.quantities() == {("N",): "123456789012348.123456789"}


def test_periods_that_cross_months_and_years(house: Any) -> None:
    house.customer("acme")
    house.contract("acme-1", "acme", (moment("2025-11-15 05:00"), moment("2026-02-15 05:00")))
    house.meter("CALLS", "count")
    moments = [
        moment("2025-11-15 05:00"),
        moment("2025-12-01"),
        moment("2026-01-31"),
        moment("2026-02-15 04:59:59.999999"),
    ]
    for at in [*moments, moment("2025-11-15 04:59"), moment("2026-02-15 05:00")]:
        house.event({}, at=at)
    house.below()
    assert house.quantities() == {("CALLS",): "4"}
    assert house.dispositions()[4:] == ["no_active_contract"] * 2


def test_no_rows_at_all(house: Any) -> None:
    house.below()
    house.above()
    assert house.usage().is_empty()
    assert house.ask("select count(*) from published.marts.reconciliation") == [(0,)]


@pytest.mark.parametrize("seed", range(2))
def test_usage_is_what_a_plain_loop_says(house: Any, seed: int) -> None:
    """Random events against one row at a time in exact fractions."""
    dice = random.Random(seed)
    for number in range(4):
        house.customer(f"c{number}")
        house.contract(f"k{number}", f"c{number}", (START, MIDDLE), (MIDDLE, END))
    house.meter("SUM", "sum", "n", groups=["region"], filters=[("channel", "not_in", ["test"])])
    house.meter("AVERAGE", "average", "n", groups=["region", "channel"])
    house.meter("LATEST", "latest", "n")
    house.meter("SEATS", "unique", "seat", groups=["region"])
    for _ in range(300):
        properties = {
            "n": dice.choice([1, 2.5, "0.000000001", "-3", "x", None, 10]),
            "region": dice.choice(["US", "EU", None, ""]),
            "channel": dice.choice(["voice", "test", None]),
            "seat": dice.choice([1, "1", "b", None]),
        }
        house.event(
            {name: value for name, value in properties.items() if value is not None or dice.random() < 0.5},
            customer=f"c{dice.randrange(5)}",
            key=dice.choice([None, f"key-{dice.randrange(80)}"]),
            at=START + timedelta(minutes=dice.randrange(60 * 24 * 32)),
            received=END + timedelta(hours=dice.randrange(3)),
            tombstone=dice.random() < 0.05,
            batch=dice.randrange(1, 4),
        )
    house.below()
    house.above()
    actual = {
        (row["contract_id"], row["window_start"], row["meter_code"], *row["group_values"]): (
            row["quantity"],
            row["event_count"],
        )
        for row in house.usage().iter_rows(named=True)
    }
    assert actual == _plain_usage(house.events)


def _plain_usage(events: list[dict[str, Any]]) -> dict[tuple[Any, ...], tuple[Decimal, int]]:
    import json

    latest: dict[Any, dict[str, Any]] = {}
    for number, event in enumerate(events):
        key = event["idempotency_key"] or ("own", number)
        if key not in latest or _order(latest[key]) < _order(event):
            latest[key] = event
    taken: dict[tuple[Any, ...], list[tuple[Any, str]]] = defaultdict(list)
    for event in latest.values():
        if event["tombstone"] or event["customer_id"] == "c4" or not START <= event["timestamp"] < END:
            continue
        properties = {name: _text(value) for name, value in json.loads(event["properties"]).items() if value is not None}
        contract, window = "k" + event["customer_id"][1:], START if event["timestamp"] < MIDDLE else MIDDLE
        region, channel, number, seat = (properties.get(name) for name in ("region", "channel", "n", "seat"))
        order = (event["timestamp"], _order(event))
        if number not in (None, "x"):
            if channel != "test":
                taken[contract, window, "SUM", region].append((order, number))
            taken[contract, START, "AVERAGE", region, channel].append((order, number))
            taken[contract, START, "LATEST"].append((order, number))
        if seat is not None:
            taken[contract, START, "SEATS", region].append((order, seat))
    return {key: (_aggregated(key[2], values), len(values)) for key, values in taken.items()}


def _order(event: dict[str, Any]) -> tuple[Any, ...]:
    return event["received_at"], event["file"], event["position"], event["element"], event["batch"]


def _text(value: Any) -> str:
    return f"{Decimal(str(value)).normalize():f}" if isinstance(value, int | float) else value


def _aggregated(meter: str, values: list[tuple[Any, str]]) -> Decimal:
    if meter == "SEATS":
        return Decimal(len({value for _, value in values}))
    if meter == "LATEST":
        return Decimal(max(values)[1])
    total = sum(Fraction(value) for _, value in values)
    billionths = (total / len(values) if meter == "AVERAGE" else total) * 10**9
    whole = (Decimal(billionths.numerator) / billionths.denominator).quantize(Decimal(1), ROUND_HALF_UP)
    return whole.scaleb(-9)
