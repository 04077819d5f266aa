"""Control totals: amounts by month and event name tie to what was rated, to the last minor unit."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest

moment = datetime.fromisoformat

SPAN = (moment("2026-01-15"), moment("2026-02-15"))
JANUARY, FEBRUARY = moment("2026-01-20"), moment("2026-02-10")


def _amounts(house: Any) -> dict[tuple[str, str | None], Decimal]:
    rows = house.ask("select period, event_name, amount from published.marts.reconciliation where amount is not null")
    return {(period, name): amount for period, name, amount in rows}


def _rated(house: Any, amount: str, meter: str = "CALLS", contract: str = "acme-1", start: datetime = SPAN[0]) -> None:
    house.reconciled_amounts.append(
        {"contract_id": contract, "period_start": start, "meter_code": meter, "amount": Decimal(amount)}
    )


@pytest.fixture
def spanning(house: Any) -> Any:
    """A contract whose period lies in two months, with a meter that takes two names."""
    house.customer("acme")
    house.contract("acme-1", "acme", SPAN)
    house.meter("CALLS", "sum", "n", names=["call", "chat"])
    return house


def test_an_amount_with_one_month_and_name_is_all_theirs(spanning: Any) -> None:
    spanning.event({"n": 3}, at=JANUARY)
    _rated(spanning, "12.35")
    spanning.below()
    spanning.above()
    assert _amounts(spanning) == {("2026-01", "call"): Decimal("12.35")}


def test_an_amount_is_shared_out_by_quantity_and_adds_up(spanning: Any) -> None:
    spanning.event({"n": 1}, at=JANUARY)
    spanning.event({"n": 1}, at=JANUARY, name="chat")
    spanning.event({"n": 1}, at=FEBRUARY)
    _rated(spanning, "100.00")
    spanning.below()
    spanning.above()
    assert _amounts(spanning) == {
        ("2026-01", "call"): Decimal("33.33"),
        ("2026-01", "chat"): Decimal("33.33"),
        ("2026-02", "call"): Decimal("33.34"),
    }


def test_yen_are_shared_out_in_whole_yen(house: Any) -> None:
    house.customer("acme")
    house.contract("acme-1", "acme", SPAN, currency="JPY", minor_digits=0)
    house.meter("CALLS", "sum", "n")
    house.event({"n": "0.5"}, at=JANUARY)
    house.event({"n": "0.5"}, at=FEBRUARY)
    _rated(house, "-7")
    house.below()
    house.above()
    assert _amounts(house) == {("2026-01", "call"): Decimal(-3), ("2026-02", "call"): Decimal(-4)}


@pytest.mark.parametrize("quantities", [("-1", "3"), ("0", "0"), ("-1", "1")])
def test_quantities_that_cannot_weigh_leave_it_to_the_events(spanning: Any, quantities: tuple[str, str]) -> None:
    spanning.event({"n": quantities[0]}, at=JANUARY)
    spanning.event({"n": quantities[1]}, at=FEBRUARY)
    _rated(spanning, "10.00")
    spanning.below()
    spanning.above()
    assert _amounts(spanning) == {("2026-01", "call"): Decimal(5), ("2026-02", "call"): Decimal(5)}


def test_the_largest_numbers_are_shared_out_too(spanning: Any) -> None:
    for _ in range(3):
        spanning.event({"n": "999999999999999"}, at=JANUARY)
    spanning.event({"n": "999999999999999"}, at=FEBRUARY)
    _rated(spanning, "999999999999999.99")
    spanning.below()
    spanning.above()
    amounts = _amounts(spanning)
    assert amounts["2026-01", "call"] == Decimal("749999999999999.99")
    assert sum(amounts.values()) == Decimal("999999999999999.99")


def test_amounts_whose_events_are_gone_stay_visible(spanning: Any) -> None:
    _rated(spanning, "4.00")
    spanning.below()
    spanning.above()
    assert _amounts(spanning) == {("2026-01", None): Decimal(4)}


def test_currencies_are_never_added_up(spanning: Any) -> None:
    spanning.customer("kyoto")
    spanning.contract("kyoto-1", "kyoto", SPAN, currency="JPY", minor_digits=0)
    spanning.event({"n": 1}, at=JANUARY)
    spanning.event({"n": 2}, at=JANUARY, customer="kyoto")
    _rated(spanning, "1.50")
    _rated(spanning, "300", contract="kyoto-1")
    spanning.below()
    spanning.above()
    rows = spanning.ask(
        "select currency, events, amount from published.marts.reconciliation where meter_code is not null order by 1"
    )
    assert rows == [("JPY", 1, Decimal(300)), ("USD", 1, Decimal("1.5"))]


def test_counts_are_weighed_by_events_and_unique_values_too(house: Any) -> None:
    house.customer("acme")
    house.contract("acme-1", "acme", SPAN)
    house.meter("CALLS", "count")
    house.meter("SEATS", "unique", "seat")
    for number in range(3):
        house.event({"seat": number}, at=JANUARY)
    house.event({"seat": 0}, at=FEBRUARY)
    _rated(house, "8.00")
    _rated(house, "3.00", meter="SEATS")
    house.below()
    house.above()
    rows = house.ask(
        "select period, meter_code, events, quantity, amount from published.marts.reconciliation where meter_code > '' order by all"
    )
    assert rows == [
        ("2026-01", "CALLS", 3, Decimal(3), Decimal(6)),
        ("2026-01", "SEATS", 3, None, Decimal("2.25")),
        ("2026-02", "CALLS", 1, Decimal(1), Decimal(2)),
        ("2026-02", "SEATS", 1, None, Decimal("0.75")),
    ]
