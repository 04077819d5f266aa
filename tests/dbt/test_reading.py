"""R-2, R-15: how an event's properties are read."""

from __future__ import annotations

import json
import operator
import re
from decimal import ROUND_HALF_UP, Decimal, localcontext
from random import Random
from typing import Any

import pytest

CANONICAL = {
    '"US"': "US",
    '""': "",
    '" us "': " us ",
    '"1.0"': "1.0",
    '"null"': "null",
    '"true"': "true",
    '"caf\\u00e9 \\"x\\" \\\\ /"': 'café "x" \\ /',
    "true": "true",
    "false": "false",
    "null": None,
    "1": "1",
    "1.0": "1",
    "1.10": "1.1",
    "100": "100",
    "0.5": "0.5",
    "-2.50": "-2.5",
    "-0": "0",
    "-0.0": "0",
    "0.00": "0",
    "1e3": "1000",
    "1E+2": "100",
    "-1.5e2": "-150",
    "1.5e-7": "0.00000015",
    "-2e-9": "-0.000000002",
    "123456789012345": "123456789012345",
    "1e22": "1" + "0" * 22,
    "1.25e30": "125" + "0" * 28,
    "5e-10": "0.0000000005",
}


def test_group_values_are_canonical_texts(acme: Any) -> None:
    acme.meter("CALLS", "count", groups=["no", "value"])
    for number, value in enumerate(CANONICAL):
        acme.event(f'{{"no": {number}, "value": {value}}}')
    acme.event({"no": len(CANONICAL)})
    acme.event(None)
    acme.below()
    read = {values[0]: values[1] for _, *values in acme.quantities()}
    expected = {str(number): value for number, value in enumerate(CANONICAL.values())}
    assert read == expected | {str(len(CANONICAL)): None, None: None}


QUANTITIES = {
    "1": "1",
    "-1.5": "-1.5",
    "1e3": "1000",
    '"1.5"': "1.5",
    '"+.5"': "0.5",
    '"5."': "5",
    '"1e-3"': "0.001",
    '"2E2"': "200",
    '"0.0000000005"': "0.000000001",
    '"-0.0000000005"': "-0.000000001",
    '"0.0000000004999999999999999999999999999999"': "0",
    '"1.' + "3" * 40 + '"': "1.333333333",
    '"999999999999999.999999999"': "999999999999999.999999999",
    "999999999999999": "999999999999999",
    '"999999999999999.9999999999"': None,
    "1000000000000000": None,
    "-1e15": None,
    '"1e40"': None,
    "1e300": None,
    '"1.123456789012345678901e25"': None,
    '"9.99999999999999999999999e28"': None,
    '".17e16"': None,
    '"0.08e16"': "800000000000000",
    '"0.0038e16"': "38000000000000",
    '"1389066847431004e-36"': "0",
    '"-0.' + "0" * 60 + '1e70"': "-1000000000",
    '"1e-99999999999999999999"': "0",
    '"1e99999999999999999999"': None,
    '"0e99999999999999999999"': "0",
    '" 5 "': None,
    '"5 "': None,
    '"1_000"': None,
    '"1,5"': None,
    '"0x10"': None,
    '"1e"': None,
    '"."': None,
    '""': None,
    '"NaN"': None,
    '"inf"': None,
    '"true"': None,
    '"5\\n"': None,
    "true": None,
    "null": None,
}


def test_quantities_are_exact_or_bad(acme: Any) -> None:
    acme.meter("MINUTES", "sum", "minutes", groups=["no"])
    for number, value in enumerate(QUANTITIES):
        acme.event(f'{{"no": {number}, "minutes": {value}}}')
    acme.event({"no": len(QUANTITIES)})
    acme.below()
    read = acme.quantities()
    assert {value: read.get(("MINUTES", str(number))) for number, value in enumerate(QUANTITIES)} == QUANTITIES
    assert ("MINUTES", str(len(QUANTITIES))) not in read


def _some_number(random: Random) -> str:
    """A decimal text as somebody may write it: signs, points anywhere, idle zeros, many digits, exponents."""
    digits = "".join(random.choice("0000123456789") for _ in range(random.choice((1, 2, 5, 9, 16, 25, 60))))
    place = random.randint(0, len(digits))
    pointed = digits if random.random() < 0.3 else f"{digits[:place]}.{digits[place:]}"
    exponent = f"{random.choice('eE')}{random.choice(('', '+', '-'))}{random.choice((0, 1, 3, 9, 14, 16, 30, 70))}"
    return random.choice(("", "", "-", "+")) + pointed + (exponent if random.random() < 0.7 else "")


def _quantity(text: str) -> str | None:
    """What Python's decimal makes of it (R-2)."""
    with localcontext(prec=400):
        rounded = Decimal(text).quantize(Decimal("1e-9"), ROUND_HALF_UP)
        return None if abs(rounded) >= 10**15 else f"{rounded or abs(rounded):f}".rstrip("0").rstrip(".")


def test_r2_texts_are_read_as_pythons_decimal_reads_them(acme: Any) -> None:
    random = Random(20260101)
    written = [_some_number(random) for _ in range(30_000)]
    acme.meter("MINUTES", "sum", "minutes", groups=["no"])
    for number, text in enumerate(written):
        acme.event(f'{{"no": {number}, "minutes": "{text}"}}')
    acme.below()
    read = acme.quantities()
    wrong = {text: (read.get(("MINUTES", str(no))), _quantity(text)) for no, text in enumerate(written)}
    assert {text: pair for text, pair in wrong.items() if pair[0] != pair[1]} == {}


NAMES = [
    "a.b",
    "$",
    "$.x",
    "*",
    'quo"te',
    "apo'strophe",
    "sla/sh",
    "til~de",
    "back\\slash",
    "",
    "0",
    "sp ace",
    "é",
    "~1",
    "{{ x }}",
]


def test_property_and_event_names_may_hold_anything(acme: Any) -> None:
    """JSON paths, SQL and Jinja all have characters of their own."""
    acme.meter("ODD", "sum", NAMES[0], groups=NAMES, names=NAMES, filters=[(name, "exists", []) for name in NAMES])
    for number, name in enumerate(NAMES):
        acme.event(dict.fromkeys(NAMES, number), name=name)
    acme.below()
    assert acme.dispositions() == ["metered"] * len(NAMES)
    assert acme.quantities() == {("ODD", *[str(number)] * len(NAMES)): str(number) for number in range(len(NAMES))}


@pytest.mark.parametrize(
    ("operator", "values", "held"),
    [
        ("in", ["voice", "1"], {"voice", "one"}),
        ("in", ["Voice"], set()),
        ("in", ["o'clock"], {"apostrophe"}),
        ("in", [], set()),
        ("not_in", ["voice", "1"], {"empty", "apostrophe", "missing", "null"}),
        ("exists", [], {"voice", "one", "empty", "apostrophe"}),
        ("not_exists", [], {"missing", "null"}),
    ],
)
def test_filters_compare_canonical_texts(acme: Any, operator: str, values: list[str], held: set[str]) -> None:
    acme.meter("CALLS", "count", groups=["which"], filters=[("channel", operator, values)])
    channels = {"voice": "voice", "one": 1.0, "empty": "", "apostrophe": "o'clock", "null": None}
    for which, channel in channels.items():
        acme.event({"which": which, "channel": channel})
    acme.event({"which": "missing"})
    acme.below()
    assert {values[0] for _, *values in acme.quantities()} == held


def test_all_filters_of_a_meter_must_hold(acme: Any) -> None:
    acme.meter("CALLS", "count", groups=["a"], filters=[("a", "in", ["1", "2"]), ("b", "not_in", ["x"])])
    for a, b in ((1, "y"), (2, "x"), (3, "y")):
        acme.event({"a": a, "b": b})
    acme.below()
    assert acme.dispositions() == ["metered", "no_meter", "no_meter"]


def test_a_meter_may_take_every_name_but_some(acme: Any) -> None:
    acme.meter("ALL", "count", groups=["kind"], names=None, but=["ping", "pong"])
    acme.meter("PINGS", "count", names=["ping"])
    acme.meter("CALLS", "sum", "minutes", groups=["region"], names=["call"])
    acme.event({"kind": "k", "minutes": 2, "region": "US"}, name="call")
    acme.event({"kind": "k"}, name="anything")
    acme.event({"kind": "k"}, name="ping")
    acme.event({"kind": "k"}, name="pong")
    acme.below()
    assert acme.dispositions() == ["metered", "metered", "metered", "no_meter"]
    assert acme.quantities() == {("ALL", "k"): "2", ("PINGS",): "1", ("CALLS", "US"): "2"}


def test_dimensions_are_json_in_the_order_of_the_group_keys(acme: Any) -> None:
    acme.meter("CALLS", "count", groups=["z", 'qu"ote', "a"])
    acme.meter("ALL", "count")
    acme.event({"z": 'x"y\\é/\n', 'qu"ote': None, "a": ""})
    acme.below()
    acme.above()
    rows = dict(acme.ask("select meter_code, dimensions from published.marts.usage"))
    assert rows["ALL"] == "{}"
    assert json.loads(rows["CALLS"]) == {"z": 'x"y\\é/\n', 'qu"ote': None, "a": ""}
    assert list(json.loads(rows["CALLS"])) == ["z", 'qu"ote', "a"]


def test_nearly_right_names_are_pointed_out_and_never_matched(acme: Any) -> None:
    acme.meter("CALLS", "sum", "duration_minutes", groups=["region", "call_outcome"])
    acme.event({"duration_minutes": 1, "Region": "US", "callOutcome": "resolved", "other": 1})
    acme.event({"durationMinutes": 1, "region": "US", "call_outcome": "resolved"})
    acme.event({"duration_minutes": 1, "region": "US", "call_outcome": None, "callOutcome": "resolved"})
    acme.event({"duration_minutes": 1, "region": "US", "call_outcome": "resolved", "Region": "EU"})
    acme.below()
    assert acme.dispositions() == ["metered", "bad_quantity", "metered", "metered"]
    found = acme.ask("select wanted_property, found_property, events from intermediate.int_misspelt_properties order by all")
    assert found == [("call_outcome", "callOutcome", 1), ("duration_minutes", "durationMinutes", 1), ("region", "Region", 1)]


NUMBERS = [
    "5", "5.0", '"5"', '"+5"', "5.0000000000001", "4.9999999999999", "-5", "-5.0000000000001", "-4.9999999999999", "5e0",
    "50E-1", '".5e1"', '"5."', "1e26", "-1e40", "0", "-0.0", '"five"', '""', '" 5"', "true", "null", "[5]", '"0x5"', '"1_0"',
    "99999999999999999999999999999999",
]  # fmt: skip


def test_r92_limits_are_compared_exactly(acme: Any) -> None:
    compared = {"above": operator.gt, "at_least": operator.ge, "below": operator.lt, "at_most": operator.le}
    asked = {f"{name}{limit}": (name, limit) for name in compared for limit in ("5", "-5", "0", "0.000000000001")}
    for code, (name, limit) in asked.items():
        acme.meter(code, "count", groups=["no"], filters=[("value", name, [limit])])
    for number, value in enumerate(NUMBERS):
        acme.event(f'{{"no": {number}, "value": {value}}}')
    acme.below()
    taken = {(code, values[0]) for code, *values in acme.quantities()}
    numbers = {
        str(place): Decimal(written.strip('"'))
        for place, written in enumerate(NUMBERS)
        if re.fullmatch(r"\"?[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?\"?", written)
    }
    expected = {
        (code, place)
        for code, (name, limit) in asked.items()
        for place, number in numbers.items()
        if compared[name](number, Decimal(limit))
    }
    assert taken == expected


def test_r92_an_exponent_that_points_beyond_everything_is_a_number_too(acme: Any) -> None:
    """It must not stop a run: whoever sends events may write it."""
    acme.meter("LARGE", "count", filters=[("n", "above", ["5"])])
    acme.meter("SMALL", "count", filters=[("n", "below", ["5"])])
    for text in ("1e99999999999", "-1e99999999999", "1e-99999999999", "1e999999999999999999999", "5.1"):
        acme.event({"n": text})
    acme.below()
    assert acme.quantities() == {("LARGE",): "3", ("SMALL",): "2"}


def test_r92_a_text_that_starts_so(acme: Any) -> None:
    acme.meter("GERMAN", "count", groups=["no"], filters=[("number", "starts_with", ["+49'"])])
    for number, value in enumerate(('"+49\'30"', '"+49"', "49", "null", '"x+49\'"')):
        acme.event(f'{{"no": {number}, "number": {value}}}')
    acme.below()
    assert {values[0] for _, *values in acme.quantities()} == {"0"}


def test_r93_lists_are_no_values(acme: Any) -> None:
    acme.meter("CALLS", "count", groups=["tags"])
    acme.meter("SUM", "sum", "tags")
    acme.event('{"tags": [1, 2.5e3]}')
    acme.event('{"tags": 3}')
    acme.below()
    assert acme.quantities() == {("CALLS", None): "1", ("CALLS", "3"): "1", ("SUM",): "3"}
