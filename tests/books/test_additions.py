"""One more agreement for books that were read: it is taken or refused, and all is said, as if everything were read again."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from rating.books import Agreed, BooksError, Document, Problem, Reading, read, with_agreed
from rating.tables import BOOKS_TABLES

BOOKS = """
settings: {currency: USD, timezone: UTC}
meters:
- {code: CALLS, event_name: calls, aggregation: sum, aggregation_key: calls, group_keys: [region]}
- {code: IDLE, event_name: idle, aggregation: count}
- code: HOURLY
  event_name: hourly
  aggregation: count
  group_keys: [{name: time, hours: {zone: contract, ranges: [{value: day, days: [mon], from: "08:00", to: "18:00"}], otherwise: night}}]
rate_cards:
- code: CARD
  meter: CALLS
  versions:
  - {effective_from: 2026-01-01, entries: [{dimensions: {region: US}, rate: "1"}]}
  - {effective_from: "2026-05-31T22:00:00Z", entries: [{dimensions: {region: US}, rate: "2"}]}
  - {effective_from: 2026-06-01, entries: [{dimensions: {region: US}, rate: "3"}]}
pricings:
- {code: CALLS, meter: CALLS, model: per_unit, rate_card: CARD, fallback_rate: "1"}
- {code: TIERS, meter: HOURLY, model: graduated, tiers: [{up_to: 10, unit_amount: "1"}, {unit_amount: "0.5"}]}
plans:
- {code: pro, base_fee: "50.00", pricings: [CALLS, TIERS]}
- {code: starter, pricings: [CALLS]}
- {code: yearly, billing_frequency: annually, pricings: [CALLS]}
- {code: euro, currency: EUR, pricings: [TIERS]}
- {code: old, status: archived, pricings: [CALLS]}
- {code: sketch, status: draft, pricings: [CALLS]}
customers:
- {id: cust_0, external_id: acme, name: Acme}
contracts:
- id: k_0
  customer: cust_0
  plan: pro
  start_date: 2026-01-01
  status: approved
  rate_overrides: [{pricing: TIERS, tiers: [{up_to: 5, unit_amount: "1"}, {unit_amount: "0.25"}]}]
- {id: k_1, customer: c_base, plan: starter, start_date: 2026-01-01, status: approved, timezone: America/New_York}
credit_grants:
- {id: g_0, contract: k_0, kind: promotional, amount: "5.00"}
- {id: g_base, contract: t_base, kind: promotional, amount: "5.00", every: period, until: 2026-09-01}
"""
BASE = {
    "c_base": ("customers", {"id": "c_base", "name": "Base", "external_id": "base"}),
    "t_base": (
        "contracts",
        {"id": "t_base", "customer": "c_base", "plan": "pro", "start_date": "2026-01-10", "status": "approved"},
    ),
}
Items = dict[str, tuple[str, dict[str, Any]]]


def _some(**keys: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Mappings with these keys, without those that are None."""
    return st.fixed_dictionaries(keys).map(lambda found: {key: value for key, value in found.items() if value is not None})


def _mostly(usual: Any, *others: Any) -> st.SearchStrategy[Any]:
    return st.sampled_from([usual] * 6 + list(others))


CUSTOMERS = st.tuples(
    st.just("customers"),
    _some(
        id=st.sampled_from(["c_base", "c_1", "c_2", "c_3"]),
        name=_mostly("N", 3),
        external_id=st.sampled_from([None, None, "acme", "base", "e_1", "e_2"]),
        contacts=_mostly(None, ["a@b.c"], "a@b.c"),
    ),
)
AMENDMENTS = _some(
    effective_date=_mostly("2026-03-01", "2026-01-10", "2027-01-01", "2026-02-30"),
    plan=_mostly("starter", "pro", "yearly", "euro", "old", "nope"),
)
CONTRACTS = st.tuples(
    st.just("contracts"),
    _some(
        id=st.sampled_from(["t_base", "t_1", "t_2"]),
        customer=_mostly("c_base", "c_1", "cust_0", "c_basse"),
        plan=_mostly("pro", "starter", "euro", "yearly", "old", "sketch", "prro"),
        start_date=_mostly("2026-01-10", "2026-03-01", "2026-02-30", "today"),
        status=_mostly("approved", "draft"),
        end_date=_mostly(None, "2026-08-10", "2026-01-11", "2025-01-01"),
        timezone=_mostly(None, "America/New_York", "Europe/Berlin", "Mars"),
        billing_anchor=_mostly(None, 15, "06-15"),
        amendments=_mostly(None, []) | st.lists(AMENDMENTS, max_size=2),
        base_fee=_mostly(None, "1.001"),
    ),
)
GRANTS = st.tuples(
    st.just("credit_grants"),
    _some(
        id=st.sampled_from(["g_1", "g_2", "g_3", "g_base#1"]),
        contract=_mostly("t_base", "k_0", "t_1", "nope"),
        kind=_mostly("promotional", "promo"),
        amount=_mostly("5.00", "5.001", None, "-1"),
        credits=_mostly(None, "3"),
        credit_rate=_mostly(None, "0.5"),
        effective_at=_mostly("2026-01-20T00:00:00Z", "2026-09-01", None),
        expires_at=_mostly("2026-06-01T00:00:00Z", "2026-01-01", "2026-01-19T00:00:00Z"),
        applies_to=_mostly(None, ["CALLS"], ["IDLE"], ["CALLS", "CALLS"], ["CALS"], []),
    ),
)


def _document(section: str, item: dict[str, Any]) -> Document:
    digest = hashlib.sha256(repr(item).encode()).hexdigest()
    return Document(f"register record {digest[:8]}", {section: [item]}, {})


def _read_all(folder: Path, items: Items, digest: str) -> Reading | tuple[Problem, ...]:
    try:
        return read(folder, Agreed(tuple(_document(*one) for one in items.values()), digest))
    except BooksError as error:
        return error.problems


def _added(reading: Reading, section: str, item: dict[str, Any], digest: str) -> Reading | tuple[Problem, ...] | None:
    try:
        return with_agreed(reading, [_document(section, item)], digest)
    except BooksError as error:
        return error.problems


def _require_equal(found: Reading, expected: Reading) -> None:
    for table in BOOKS_TABLES:
        assert getattr(found.books, table.name).equals(getattr(expected.books, table.name)), table.name
    assert (found.books.version, found.books.warnings) == (expected.books.version, expected.books.warnings)
    for mine, other in zip(found.contract_files.registries(), expected.contract_files.registries(), strict=True):
        assert [*mine.stated] == [*other.stated]
        assert [one.terms for one in mine.values()] == [one.terms for one in other.values()]
    assert [one.terms for one in found.contract_files.grants] == [one.terms for one in expected.contract_files.grants]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("books")
    (place / "books.yml").write_text(BOOKS)
    return place


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(agreed=st.lists(CUSTOMERS | CONTRACTS | GRANTS, min_size=1, max_size=8))
def test_agreements_one_by_one_are_what_all_of_them_are(folder: Path, agreed: list[tuple[str, dict[str, Any]]]) -> None:
    items: Items = dict(BASE)
    reading = _read_all(folder, items, "0")
    assert isinstance(reading, Reading)
    for number, (section, item) in enumerate(agreed, 1):
        candidate = {**items, item["id"]: (section, item)}
        expected = _read_all(folder, candidate, f"{number}")
        found = _added(reading, section, item, f"{number}")
        event("read again" if found is None else "refused" if isinstance(found, tuple) else "added")
        if isinstance(expected, Reading):
            if found is not None:
                assert isinstance(found, Reading), found
                _require_equal(found, expected)
            reading, items = found or expected, candidate
        elif found is not None:
            assert found == expected


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(agreed=st.lists(CUSTOMERS | CONTRACTS | GRANTS, min_size=2, max_size=10))
def test_some_agreements_at_once_are_what_all_of_them_are(folder: Path, agreed: list[tuple[str, dict[str, Any]]]) -> None:
    reading = _read_all(folder, dict(BASE), "0")
    assert isinstance(reading, Reading)
    new: Items = {}
    for section, item in agreed:  # what is wrong by itself is left out, or hardly a list would be sound
        one = {**BASE, **new, item["id"]: (section, item)}
        if isinstance(_read_all(folder, one, ""), Reading):
            new[item["id"]] = (section, item)
    expected = _read_all(folder, {**BASE, **new}, "1")
    assert isinstance(expected, Reading)
    found = with_agreed(reading, [_document(*one) for one in new.values()], "1")
    event("read again" if found is None else f"{len(new)} added")
    if found is not None:
        _require_equal(found, expected)


@pytest.mark.parametrize(
    ("section", "item"),
    [
        ("customers", {"id": "c_1", "name": "New", "external_id": "new"}),
        ("customers", {"id": "c_base", "name": "Another name"}),
        ("contracts", {"id": "t_1", "customer": "c_base", "plan": "pro", "start_date": "2026-02-01", "status": "approved"}),
        ("contracts", BASE["t_base"][1] | {"end_date": "2026-07-10"}),
        ("contracts", BASE["t_base"][1] | {"amendments": [{"effective_date": "2026-03-10", "plan": "starter"}]}),
        ("credit_grants", {"id": "g_1", "contract": "t_base", "kind": "promotional", "amount": "5.00"}),
        ("credit_grants", {"id": "g_1", "contract": "k_0", "kind": "promotional", "amount": "5.00"}),
    ],
)
def test_what_is_agreed_every_day_needs_no_other_reading(folder: Path, section: str, item: dict[str, Any]) -> None:
    reading = _read_all(folder, dict(BASE), "0")
    assert isinstance(reading, Reading)
    found, expected = _added(reading, section, item, "1"), _read_all(folder, {**BASE, item["id"]: (section, item)}, "1")
    assert isinstance(found, Reading)
    assert isinstance(expected, Reading)
    _require_equal(found, expected)


@pytest.mark.parametrize(
    ("section", "item"),
    [
        (
            "contracts",
            BASE["t_base"][1] | {"id": "t_1", "timezone": "Europe/Berlin"},
        ),  # a zone that meters and cards do not know
        ("contracts", BASE["t_base"][1] | {"id": "t_1", "plan": "old"}),  # a warning about the plan names its contracts
        ("contracts", BASE["t_base"][1] | {"rate_overrides": [{"plan": True, "percent_off": "5"}]}),
        ("credit_grants", {"id": "g_0", "contract": "k_0", "kind": "promotional", "amount": "6.00"}),
    ],
)
def test_what_may_change_more_than_itself_is_not_guessed(folder: Path, section: str, item: dict[str, Any]) -> None:
    reading = _read_all(folder, dict(BASE), "0")
    assert isinstance(reading, Reading)
    assert _added(reading, section, item, "1") is None
