"""A day's work in finance: the same books with a few terms changed, still valid, also against what is issued (R-5)."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from datetime import date, timedelta
from decimal import Decimal

from hypothesis import strategies as st

from tests.properties.random_books import Mapping, credit_grants, money, own_price_key, own_prices, prices, tiers

Draw = st.DrawFn


def currency_of(books: Mapping) -> str:
    return str(books["plans"][0]["currency"])


def correct_a_pricing(draw: Draw, books: Mapping) -> None:
    pricing = draw(st.sampled_from([pricing for pricing in books["pricings"] if "meter" in pricing]))
    pricing[own_price_key(pricing)] = draw(own_prices(pricing))


def correct_a_card(draw: Draw, books: Mapping) -> None:
    for card in books["rate_cards"][:1]:
        for version in card.get("versions", [card]):
            entry = draw(st.sampled_from(version["entries"]))
            entry.update({"tiers": draw(tiers())} if "tiers" in entry else {"rate": draw(prices())})


def add_a_grant(draw: Draw, books: Mapping) -> None:
    contract = draw(st.sampled_from(books["contracts"]))
    books["credit_grants"].append(draw(credit_grants(f"grant_{len(books['credit_grants'])}", contract, books)))


def raise_grants(_: Draw, books: Mapping) -> None:
    """Ten more for every money grant; a prepaid one costs what it cost."""
    for grant in books["credit_grants"]:
        if "amount" in grant:
            if grant["kind"] == "prepaid":
                grant.setdefault("price", grant["amount"])
            grant["amount"] = format(Decimal(grant["amount"]) + 10, "f")


def change_a_base_fee(draw: Draw, books: Mapping) -> None:
    draw(st.sampled_from(books["plans"]))["base_fee"] = draw(money(currency_of(books)))


def bill_base_fees_otherwise(draw: Draw, books: Mapping) -> None:
    draw(st.sampled_from(books["contracts"]))["billing"] = draw(st.sampled_from(["in_advance", "in_arrears"]))


def retire_a_meter(draw: Draw, books: Mapping) -> None:
    draw(st.sampled_from(books["meters"]))["status"] = "inactive"


def agree_on_a_minimum(draw: Draw, books: Mapping) -> None:
    contract = draw(st.sampled_from(books["contracts"]))
    contract.pop("maximum_spend", None)
    contract["minimum_spend"] = draw(money(currency_of(books)))


def prolong_contracts(draw: Draw, books: Mapping) -> None:
    for contract in books["contracts"]:
        if "end_date" in contract:
            later = date.fromisoformat(contract["end_date"]) + timedelta(days=draw(st.integers(1, 60)))
            contract["end_date"] = later.isoformat()


def end_a_contract(draw: Draw, books: Mapping) -> None:
    """As soon as everything dated in it has had its time."""
    contract = draw(st.sampled_from(books["contracts"]))
    earliest = max(days_named(contract, books)) + timedelta(days=3)
    wanted = earliest + timedelta(days=draw(st.integers(0, 40)))
    contract["end_date"] = min(wanted.isoformat(), contract.get("end_date", wanted.isoformat()))


def days_named(contract: Mapping, books: Mapping) -> set[date]:
    named = {contract["start_date"]}
    named |= {amendment["effective_date"] for amendment in contract["amendments"]}
    for override in contract.get("rate_overrides", []):
        named |= {override[end][:10] for end in ("effective_from", "effective_to") if end in override}
    named |= {commitment["from"] for commitment in contract.get("commitments", [])}
    named |= {covered["from"] for covered in contract.get("covers", []) if isinstance(covered, dict)}
    named |= {charge["on"] for charge in contract.get("charges", [])}
    for grant in books["credit_grants"]:
        if grant["contract"] == contract["id"] and "effective_at" in grant:
            named.add(grant["effective_at"][:10])
        if grant["contract"] == contract["id"] and "every" in grant:
            begins = date.fromisoformat(grant.get("effective_at", contract["start_date"])[:10])
            named.add(grant.get("until") or (begins + timedelta(days=93 * int(grant["times"]))).isoformat())
    return {date.fromisoformat(day) for day in named}


CHANGES: list[Callable[[Draw, Mapping], None]] = [
    correct_a_pricing,
    correct_a_card,
    add_a_grant,
    raise_grants,
    change_a_base_fee,
    bill_base_fees_otherwise,
    retire_a_meter,
    agree_on_a_minimum,
    prolong_contracts,
    end_a_contract,
]


@st.composite
def revised(draw: Draw, books: Mapping) -> Mapping:
    """The books with up to three changes."""
    books = deepcopy(books)
    for change in draw(st.lists(st.sampled_from(CHANGES), max_size=3, unique=True)):
        change(draw, books)
    return books
