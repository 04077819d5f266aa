"""Everything the files of a books folder state, as models with their places.

What belongs here: the container, and the few questions every check asks of it. What does not: how files are read (see `reading`),
or whether the statements agree (see `checks`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from itertools import chain
from typing import Any

from rating.books.layers import MadeWhereAsked
from rating.books.models import (
    CardEntry,
    Contract,
    CreditGrant,
    Customer,
    Deals,
    Meter,
    Plan,
    Pricing,
    RateCard,
    Settings,
    Source,
)
from rating.books.places import Place, Register, Stated


@dataclass(frozen=True, slots=True)
class Edition:
    """One version of a rate card with the entries it has; `effective_from` None: always in force."""

    card: Stated[RateCard]
    effective_from: date | datetime | None
    place: Place
    entries: Sequence[Stated[CardEntry]]


@dataclass(frozen=True, slots=True)
class Grants:
    """All grants, in order: those that were read, then those that are made where they are asked for, then what came after. An id may be
    stated twice."""

    read: Sequence[Stated[CreditGrant]] = ()
    known: MadeWhereAsked[str, Stated[CreditGrant]] = field(default_factory=lambda: MadeWhereAsked({}, _none_of))
    later: Sequence[Stated[CreditGrant]] = ()

    def __iter__(self) -> Iterator[Stated[CreditGrant]]:
        return chain(self.read, self.known.values(), self.later)

    def and_then(self, found: Sequence[Stated[CreditGrant]]) -> Grants:
        return replace(self, later=[*self.later, *found])

    def some(self, ids: Collection[str]) -> list[Stated[CreditGrant]]:
        """Those of these ids."""
        read = (grant for grant in self.read if grant.terms.id in ids)
        return [*read, *self.known.some(ids), *(grant for grant in self.later if grant.terms.id in ids)]


def _none_of(place: int) -> Stated[CreditGrant]:
    raise KeyError(place)


@dataclass(slots=True)
class Statements:
    """What the books state. Items with a problem of their own are left out and known as broken."""

    settings: Settings = field(default_factory=Settings)
    settings_place: Place | None = None
    settings_known: bool = True
    deals: Stated[Deals] | None = None
    meters: Register[Meter] = field(default_factory=lambda: Register("meter"))
    rate_cards: Register[RateCard] = field(default_factory=lambda: Register("rate card"))
    editions: list[Edition] = field(default_factory=list)
    pricings: Register[Pricing] = field(default_factory=lambda: Register("pricing"))
    plans: Register[Plan] = field(default_factory=lambda: Register("plan"))
    customers: Register[Customer] = field(default_factory=lambda: Register("customer"))
    contracts: Register[Contract] = field(default_factory=lambda: Register("contract"))
    grants: Grants = Grants()
    sources: list[Stated[Source]] = field(default_factory=list)
    prefixes: dict[Place, dict[str, str]] = field(default_factory=dict)  # value of each prefix, by the place of the group key

    def registers(self) -> tuple[Register[Any], ...]:
        return self.meters, self.rate_cards, self.pricings, self.plans, self.customers, self.contracts

    def plan_currency(self, plan: Plan) -> str | None:
        return plan.currency or self.settings.currency

    def zone(self, contract: Contract) -> str:
        return contract.timezone or self.settings.timezone

    def pricings_of(self, plans: Sequence[str]) -> list[Pricing] | None:
        """The pricings of some plans; None where one of them is not known well enough to tell."""
        found: list[Pricing] = []
        for code in plans:
            if (plan := self.plans.get(code)) is None:
                return None
            for name in plan.terms.pricings:
                if (pricing := self.pricings.get(name)) is None:
                    return None
                found.append(pricing.terms)
        return found
