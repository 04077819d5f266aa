"""R-90 to R-97: what is worked out where an event is read, held against exact fractions."""

from __future__ import annotations

import itertools
import json
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from random import Random
from typing import Any

from rating import books
from tests.oracle.formulas import quantity_by_formula

MORNING = datetime(2026, 1, 5)  # noqa: DTZ001 - a Monday; instants are naive UTC


def with_meters(acme: Any, folder: Path, *meters: dict[str, Any], files: dict[str, str] | None = None) -> None:
    """Lay meters that are stated as the books state them."""
    folder.mkdir()
    stated = {"settings": {"currency": "USD"}, "meters": [{"event_name": "call", **meter} for meter in meters]}
    (folder / "books.yml").write_text(json.dumps(stated))
    for name, text in (files or {}).items():
        (folder / name).write_text(text)
    loaded = books.load(folder)
    for row in loaded.meters.iter_rows(named=True):
        acme.meter(row["meter_code"], row["aggregation"], row["aggregation_key"], groups=row["group_keys"])
        acme.rows["meters"][-1] |= row
    acme.add("prefixes", *loaded.prefixes.iter_rows(named=True))


FORMULAS = [
    "a - coalesce(b, 0)",
    "min(max(a * 0.029 + 0.30, 0.50), 20)",
    "-(a + b) * (a - `c d`)",
    "round_up(a, 60) + round(b, 0.25)",
    "coalesce(x.y, a * a, 7)",
    "max(a, b, -3)",
    "a * 0.000000000001",
    "a*b*`c d`",
]
ROUNDED = [
    {"up_to": "60", "minimum": "60"},
    {"up_to": "6", "minimum": "30"},
    {"minimum": "0.5"},
    {"up_to": "0.000000001"},
    None,
]
# landing turns numbers that a double would bend into texts
VALUES: list[Any] = [
    "0", "1", "-1", "59.9999999999", "60", "60.0000000001", "0.5", "-0.125", '"123456789.987654321"', "1e3", "-2.5E-3",
    "999999999999999", '"0.00000000000000000001"', '"12.50"', '"+3"', '"1,5"', "true", "null", "[1]", None, "1e-30",
    '"100000000000000000000"',
]  # fmt: skip


def test_r90_r91_quantities_are_exact(acme: Any, tmp_path: Path) -> None:
    meters: dict[str, Any] = {
        f"M{number}": {"aggregation_key": {"formula": formula}} | ({"round_each": each} if each else {})
        for number, (formula, each) in enumerate(zip(FORMULAS, itertools.cycle(ROUNDED), strict=False))
    }
    meters["PLAIN"] = {"aggregation_key": "a", "round_each": ROUNDED[0]}
    with_meters(
        acme,
        tmp_path / "books",
        *({"code": code, "aggregation": "sum", "group_keys": ["no"], **m} for code, m in meters.items()),
    )
    dice = Random(90)
    sent = []
    for number in range(250):
        chosen = {name: dice.choice(VALUES) for name in ("a", "b", "c d", "x.y")}
        text = ",".join(f"{json.dumps(name)}:{value}" for name, value in chosen.items() if value is not None)
        acme.event(f'{{"no":"{number}"{"," + text if text else ""}}}')
        sent.append(json.loads(f"{{{text}}}", parse_float=Decimal))
    acme.below()
    found = {(code, int(values[0])): Fraction(quantity) for (code, *values), quantity in acme.quantities().items()}
    expected = {
        (code, number): quantity
        for code, meter in meters.items()
        for number, properties in enumerate(sent)
        if (quantity := quantity_by_formula(meter, properties)) is not None
    }
    wrong = {
        key: (found.get(key), expected.get(key))
        for key in found.keys() | expected.keys()
        if found.get(key) != expected.get(key)
    }
    # what no 38 digits hold on the way is no quantity; nothing is ever another one
    assert not [(meters[k[0]], sent[k[1]], both) for k, both in wrong.items() if both[0] is not None][:4]
    assert all(_digits(sent[number]) > 38 for _, number in wrong)


def _digits(properties: dict[str, Any]) -> int:
    """Digits that a product of all numbers may have."""
    return sum(len(str(value).strip('"+-').replace(".", "")) + 20 for value in properties.values())


def test_r95_the_whole_event_takes_the_value_of_its_band(acme: Any, tmp_path: Path) -> None:
    size = {"name": "size", "of": "n", "bands": [{"at_most": 272000, "value": "standard"}, {"value": "long"}]}
    doubled = {
        "name": "twice",
        "of": {"formula": "n * 2"},
        "bands": [{"at_most": "0.5", "value": "low"}, {"at_most": 10, "value": "10"}],
    }
    with_meters(
        acme, tmp_path / "books", {"code": "CALLS", "aggregation": "sum", "aggregation_key": "n", "group_keys": [size, doubled]}
    )
    for n in ("272000", '"272000.0000000000001"', "5", "0.25", '"many"', "-1"):
        acme.event(f'{{"n":{n}}}')
    acme.below()
    assert acme.quantities() == {
        ("CALLS", "standard", None): "272000",
        ("CALLS", "long", None): "272000",
        ("CALLS", "standard", "10"): "5",
        ("CALLS", "standard", "low"): "-0.75",
    }


def test_r96_the_longest_prefix_of_the_table(acme: Any, tmp_path: Path) -> None:
    destination = {"name": "destination", "of": "to", "prefixes": "destinations.csv"}
    with_meters(
        acme,
        tmp_path / "books",
        {"code": "CALLS", "aggregation": "count", "group_keys": [destination]},
        files={"destinations.csv": "prefix,value\n1,USA\n1204,Canada\n49,Germany\n4915,Germany mobile\n"},
    )
    for to in ('"12125550100"', '"12045550100"', "4915112345", '"491"', '"33"', '""', "null"):
        acme.event(f'{{"to":{to}}}')
    acme.below()
    assert acme.quantities() == {
        ("CALLS", "USA"): "1",
        ("CALLS", "Canada"): "1",
        ("CALLS", "Germany mobile"): "1",
        ("CALLS", "Germany"): "1",
        ("CALLS", None): "3",
    }


def test_r94_the_hour_by_the_clocks_of_a_zone(acme: Any, tmp_path: Path) -> None:
    peak = {"value": "Peak", "days": ["mon", "tue", "wed", "thu", "fri"], "from": "08:00", "to": "20:00"}
    night = {"value": "Night", "days": ["fri"], "from": "22:00", "to": "06:00"}
    hours = {"name": "daypart", "hours": {"zone": "America/New_York", "ranges": [peak, night], "otherwise": "Off-peak"}}
    with_meters(acme, tmp_path / "books", {"code": "CALLS", "aggregation": "count", "group_keys": [hours]})
    # New York is five hours behind in January
    for moment in (
        "05T12:59:59",
        "05T13:00",
        "06T00:59:59",
        "06T01:00",
        "10T02:59",
        "10T03:00",
        "10T10:59",
        "10T11:00",
        "11T15:00",
    ):
        acme.event({}, at=datetime.fromisoformat(f"2026-01-{moment}"))
    acme.below()
    assert acme.quantities() == {("CALLS", "Peak"): "2", ("CALLS", "Night"): "2", ("CALLS", "Off-peak"): "5"}


def test_r97_the_event_name(acme: Any, tmp_path: Path) -> None:
    names = {"name": "kind", "of": "$event_name"}
    meter = {
        "code": "ALL",
        "aggregation": "count",
        "group_keys": [names],
        "event_name": None,
        "event_filter": {"exclude": ["ping"]},
    }
    with_meters(
        acme, tmp_path / "books", {key: value for key, value in meter.items() if value is not None} | {"event_name": None}
    )
    acme.event({}, name="call")
    acme.event({}, name='odd "name"')
    acme.below()
    assert acme.quantities() == {("ALL", "call"): "1", ("ALL", 'odd "name"'): "1"}
