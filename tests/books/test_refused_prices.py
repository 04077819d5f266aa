"""R-90 to R-97: `check` refuses what cannot be meant, with the place in the text."""

from __future__ import annotations

from pathlib import Path

import pytest

from rating import books

METER = "{code: M, event_name: e, aggregation: sum, aggregation_key: n%s}"
WRONG = {
    ', round_each: {}': "neither `up_to` nor `minimum`",
    ', round_each: {up_to: 0}': "is not above 0",
    ', group_keys: [{name: a, bands: [{value: x}]}]': "`bands` needs `of`",
    ', group_keys: [{name: a, of: n}]': "nothing says what to make of it",
    ', group_keys: [{name: a, of: n, bands: []}]': "do not rise",
    ', group_keys: [{name: a, of: n, bands: [{value: x}, {at_most: 1, value: y}]}]': "do not rise",
    ', group_keys: [{name: a, of: n, bands: [{at_most: 2, value: x}, {at_most: 1, value: y}]}]': "do not rise",
    ', group_keys: [{name: a, of: {formula: "n +"}, bands: [{value: x}]}]': "ends where something should follow",
    ', group_keys: [{name: a, of: n, prefixes: nowhere.csv}]': "there is no CSV file `nowhere.csv`",
    ', group_keys: [{name: a, of: n, prefixes: twice.csv}]': "prefix `1` has two values",
    ', group_keys: [{name: a, of: n, prefixes: columns.csv}]': "its columns are `from`, `to`",
    ', group_keys: [{name: a, of: {formula: "n"}, prefixes: good.csv}]': "prefixes are of a text",
    ', group_keys: [{name: a, hours: {zone: Mars, ranges: []}}]': "no IANA time zone",
    ', group_keys: [{name: a, hours: {ranges: [{value: x, from: "25:00"}]}}]': "no time of day",
    ', group_keys: [{name: a, hours: {ranges: [{value: x, from: "08:00", to: "08:00"}]}}]': "begins where it ends",
    ', group_keys: [{name: a, hours: {ranges: [{value: x, days: [monday]}]}}]': "not possible here",
    ', group_keys: [{name: a, hours: {ranges: []}, of: n}]': "hours look at the event's time",
    ', group_keys: [a, {name: b, of: n, bands: [{value: x}], prefixes: good.csv}]': "are given together",
    ', group_keys: [{name: a, of: $event_name}, {name: b, of: $event_name}]': "worked out in the same way",
    ', filters: [{property: n, above: 5, below: 4}]': "no number is above 5 and below 4",
    ', filters: [{property: n, above: five}]': "no plain decimal number",
    ', filters: [{property: n}]': "asks nothing of its property",
}  # fmt: skip
FORMULAS = {
    "a / 2": "`/` at 3 of `a / 2` is no part of a formula. There is no division",
    "a b": "`b` at 3 of `a b` cannot stand there",
    "foo(a)": "`foo` at 1 of `foo(a)` is no function that is known. The functions are min, max, coalesce, round_up, round",
    "min(a)": "has one value",
    "round(a)": "has no step",
    "round(a, b)": "has no step",
    "round_up(a, 0)": "has no step",
    "a * 1.0000000000001": "keeps 12 decimals",
    "(a": "ends where `)` should stand",
    "5 * 2": "looks at no property",
    "((((" * 20 + "a" + "))))" * 20: "nests too deep",
    " + ".join(f"a{n}" for n in range(60)): "too long",
}


def _books(folder: Path, meter: str) -> None:
    (folder / "books.yml").write_text(f"settings: {{currency: USD}}\nmeters:\n- {meter}\n")
    (folder / "good.csv").write_text("prefix,value\n1,a\n")
    (folder / "twice.csv").write_text("prefix,value\n1,a\n1,b\n")
    (folder / "columns.csv").write_text("from,to\n1,a\n")


@pytest.mark.parametrize(("stated", "said"), WRONG.items())
def test_what_a_meter_cannot_mean(stated: str, said: str, tmp_path: Path) -> None:
    _books(tmp_path, METER % stated)
    with pytest.raises(books.BooksError) as refused:
        books.load(tmp_path)
    assert said in str(refused.value)


@pytest.mark.parametrize(("formula", "said"), FORMULAS.items())
def test_r90_a_formula_is_refused_with_the_place_in_its_text(formula: str, said: str, tmp_path: Path) -> None:
    _books(tmp_path, f'{{code: M, event_name: e, aggregation: sum, aggregation_key: {{formula: "{formula}"}}}}')
    with pytest.raises(books.BooksError) as refused:
        books.load(tmp_path)
    assert said in str(refused.value)


def test_r94_hours_by_the_contracts_clock_are_read_in_all_zones_that_contracts_lie_in(tmp_path: Path) -> None:
    _books(tmp_path, METER % ', group_keys: [{name: a, hours: {ranges: [{value: x, from: "08:00", to: "20:00"}]}}]')
    more = "plans: [{code: p}]\ncustomers: [{id: c}]\ncontracts:\n"
    for number, zone in enumerate(("America/New_York", "Europe/Paris")):
        more += f"- {{id: c{number}, customer: c, plan: p, start_date: 2026-01-01, timezone: {zone}, status: approved}}\n"
        (tmp_path / "more.yml").write_text(more)
        zones = ",".join(f'"{zone}"' for zone in ("America/New_York", "Europe/Paris")[: number + 1])
        assert f'"zones":[{zones}]' in books.load(tmp_path).meters["group_properties"][0][0]


@pytest.mark.parametrize(
    ("frequency", "anchor", "said"),
    [
        ("quarterly", '"02-30"', "there is no day `02-30`"),
        ("quarterly", '"1-1"', "is no month and day"),
        ("monthly", '"01-15"', "names a month, and the plan `p` is monthly"),
        ("weekly", '"01-15"', "on the weekly plan `p`"),
        ("monthly", "32", "no whole number from 1 to 31"),
    ],
)
def test_r108_an_anchor_that_cannot_be_meant(frequency: str, anchor: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "books.yml").write_text(
        f"settings: {{currency: USD}}\nplans: [{{code: p, billing_frequency: {frequency}}}]\ncustomers: [{{id: c}}]\n"
        f"contracts: [{{id: c1, customer: c, plan: p, start_date: 2026-01-01, billing_anchor: {anchor}, status: approved}}]\n"
    )
    with pytest.raises(books.BooksError, match=said):
        books.load(tmp_path)


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("{plan: true}", "all usage of the plan has no one price"),
        ('{plan: true, pricing: P, percent_off: "5"}', "names the plan, and a part of it too"),
        ('{plan: true, percent_off: "5", unit_amount: "1"}', "`unit_amount` and `percent_off` are given together"),
        ('{percent_off: "5"}', "names neither a meter nor a pricing"),
        ('{pricing: P, percent_off: "0"}', "is not above 0"),
        ('{pricing: P, percent_off: "100.1"}', "is more than all of a price"),
        ('{pricing: FEE, percent_off: "5"}', "pricing `FEE` is flat"),
        ('{meter: M, dimensions: {x: y}, percent_off: "5"}', "x"),
        ('{meter: OTHER, dimensions: {}, percent_off: "5"}', "no pricing of meter `OTHER`"),
        ('{plan: true, percent_off: "5"}, {plan: true, percent_off: "6"}', "two overrides of the plan are in force at once"),
        ('{pricing: P, percent_off: "5"}, {pricing: P, unit_amount: "6"}', "two overrides of pricing `P` are in force at once"),
    ],
)
def test_r103_a_percentage_that_cannot_be_meant(override: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "books.yml").write_text(
        "settings: {currency: USD}\nmeters:\n- {code: M, event_name: e, aggregation: count}\n"
        "- {code: OTHER, event_name: e, aggregation: count}\n"
        'pricings:\n- {code: P, model: per_unit, meter: M, unit_amount: "1"}\n- {code: FEE, model: flat, amount: "1"}\n'
        "plans: [{code: p, pricings: [P, FEE]}]\ncustomers: [{id: c}]\ncontracts:\n"
        f"- {{id: k, customer: c, plan: p, start_date: 2026-01-01, status: approved, rate_overrides: [{override}]}}\n"
    )
    with pytest.raises(books.BooksError, match=said):
        books.load(tmp_path)
