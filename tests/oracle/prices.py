"""What one unit costs, and what a quantity costs (R-19, R-20, R-22..R-26)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from math import ceil

from tests.oracle.books import Books, Contract, Mapping
from tests.oracle.exact import canonical_text, exact, half_away

Combination = tuple[str | None, ...]

# The key under which the books write a pricing's own price, by model.
AMOUNT_KEYS = ("fallback_rate", "unit_amount", "bps", "amount")


@dataclass(frozen=True)
class Tier:
    up_to: Fraction | None
    unit_amount: Fraction
    flat_amount: Fraction


@dataclass(frozen=True)
class Price:
    """The price of a combination in one window, and where it comes from. Two prices are the same when they are equal."""

    source: str
    model: str
    per: Fraction
    unit_amount: Fraction | None
    tiers: tuple[Tier, ...] = ()


def tiers_of(entries: Iterable[Mapping]) -> tuple[Tier, ...]:
    return tuple(
        Tier(
            exact(entry["up_to"]) if entry.get("up_to") is not None else None,
            exact(entry.get("unit_amount") or "0"),
            exact(entry.get("flat_amount") or "0"),
        )
        for entry in entries
    )


def per_of(books: Books, pricing: Mapping) -> Fraction:
    """How many units the price buys: a package's size, 10000 for basis points, else `per` of the pricing or its card."""
    if pricing["model"] == "package":
        return exact(pricing["package_size"])
    if pricing["model"] == "bps":
        return Fraction(10_000)
    card = books.cards[pricing["rate_card"]] if pricing.get("rate_card") else {}
    return exact(pricing.get("per") or card.get("per") or "1")


def resolve(contract: Contract, pricing_code: str, combination: Combination, at: datetime) -> Price:
    """The price of a combination at the instant a window starts: agreed on itself, or the list's less a percentage (R-103)."""
    price, is_agreed = listed(contract, pricing_code, combination, at)
    pricing = contract.books.pricings[pricing_code]
    held = [] if is_agreed else [o.entry for o in contract.overrides if o.entry.get("percent_off") and o.holds_at(at)]
    of_meter = [entry for entry in held if entry.get("meter") == pricing["meter"]]
    keys = contract.books.group_keys(pricing["meter"])
    entry = most_exact(of_meter, keys, combination) if None not in combination else None
    entry = entry or next((entry for entry in held if entry.get("pricing") == pricing_code), None)
    entry = entry or next((entry for entry in held if entry.get("plan")), None)
    if entry is None:
        return price
    rest = (100 - exact(entry["percent_off"])) / 100
    tiers = tuple(
        Tier(tier.up_to, half_away(tier.unit_amount * rest, 12), half_away(tier.flat_amount * rest, 12)) for tier in price.tiers
    )
    unit_amount = None if price.unit_amount is None else half_away(price.unit_amount * rest, 12)
    return Price("override", price.model, price.per, unit_amount, tiers)


def listed(contract: Contract, pricing_code: str, combination: Combination, at: datetime) -> tuple[Price, bool]:
    """R-19: the first price that exists for the combination at the instant, and whether the contract has agreed on it itself."""
    books = contract.books
    pricing = books.pricings[pricing_code]
    per = per_of(books, pricing)
    has_card = bool(pricing.get("rate_card"))
    if has_card and None not in combination:
        keys = books.group_keys(pricing["meter"])
        if pricing["model"] == "per_unit":
            overrides = [o.entry for o in contract.overrides if o.entry.get("meter") == pricing["meter"] and o.holds_at(at)]
            if override := most_exact([entry for entry in overrides if "rate" in entry], keys, combination):
                return Price("override", "per_unit", per, exact(override["rate"])), True
        entries = entries_at(contract, books.cards[pricing["rate_card"]], at)
        if entry := most_exact(entries, keys, combination):
            return priced("rate_card", pricing["model"], per, entry), False
    override = contract.pricing_override_at(pricing_code, at)
    if override and not override.get("percent_off"):
        return priced("fallback" if has_card else "override", pricing["model"], per, override), True
    return priced("fallback" if has_card else "pricing", pricing["model"], per, pricing), False


def priced(source: str, model: str, per: Fraction, entry: Mapping) -> Price:
    """The price that a pricing, an override or a card entry states."""
    if model in ("graduated", "volume"):
        return Price(source, model, per, None, tiers_of(entry["tiers"]))
    amount = next(entry[key] for key in ("rate", *AMOUNT_KEYS) if entry.get(key) is not None)
    return Price(source, model, per, exact(amount))


def entries_at(contract: Contract, card: Mapping, at: datetime) -> list[Mapping]:
    """The card's entries in force at the instant: of the latest version that has begun; before the first, none."""
    if "versions" not in card:
        return list(card["entries"])
    begun = [version for version in card["versions"] if contract.instant(version["effective_from"]) <= at]
    return list(max(begun, key=lambda version: contract.instant(version["effective_from"]))["entries"]) if begun else []


def most_exact(entries: list[Mapping], group_keys: list[str], combination: Combination) -> Mapping | None:
    """R-20: of the entries that match, the one with fewest `*`, then the one whose exact values come first in group_keys order."""

    def wildcards(entry: Mapping) -> list[bool]:
        return [entry["dimensions"][key] == "*" for key in group_keys]

    def matches(entry: Mapping) -> bool:
        wanted = [entry["dimensions"][key] for key in group_keys]
        return all(want == "*" or canonical_text(want) == value for want, value in zip(wanted, combination, strict=True))

    matching = [entry for entry in entries if matches(entry)]
    return min(matching, key=lambda entry: (sum(wildcards(entry)), wildcards(entry)), default=None)


def tariff(price: Price, quantity: Fraction) -> Fraction:
    """What a cumulative quantity costs from zero on, for every model but volume (R-22, R-23, R-25).

    A window's share is the difference of this at its end and at its start (R-27).
    """
    if price.model == "graduated":
        return climb(price.tiers, price.per, quantity)
    assert price.unit_amount is not None
    if price.model == "package":
        return max(ceil(quantity / price.per), 0) * price.unit_amount
    return quantity * price.unit_amount / price.per


def climb(tiers: tuple[Tier, ...], per: Fraction, quantity: Fraction) -> Fraction:
    """R-23: every slice at its tier's price, and the flat amount of every tier entered; negative usage at the first tier."""
    if quantity <= 0:
        return quantity * tiers[0].unit_amount / per
    cost, lower = Fraction(0), Fraction(0)
    for tier in tiers:
        if quantity > lower:
            upper = quantity if tier.up_to is None else min(quantity, tier.up_to)
            cost += (upper - lower) * tier.unit_amount / per + tier.flat_amount
            lower = upper
        if tier.up_to is None or quantity <= tier.up_to:
            break
    return cost


def tier_holding(tiers: tuple[Tier, ...], quantity: Fraction) -> Tier:
    """R-24: the tier whose bounds hold the quantity; the first one for zero and less."""
    return next(tier for tier in tiers if tier.up_to is None or quantity <= tier.up_to)
