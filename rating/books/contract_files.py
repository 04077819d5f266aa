"""Everything the files of a books folder state, as models with their places.

What belongs here: the container, and the few questions every check asks of it. What does not: how files are read (see `reading`),
or whether what they state agrees (see `checks`).
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
from rating.books.source_locations import Located, Registry, SourceLocation


@dataclass(frozen=True, slots=True)
class RateCardVersion:
    """One version of a rate card with the entries it has; `effective_from` None: always in force."""

    card: Located[RateCard]
    effective_from: date | datetime | None
    place: SourceLocation
    entries: Sequence[Located[CardEntry]]


@dataclass(frozen=True, slots=True)
class Grants:
    """All grants, in order: those that were read, then those that are made where they are asked for, then what came after. An id may be
    stated twice."""

    read: Sequence[Located[CreditGrant]] = ()
    known: MadeWhereAsked[str, Located[CreditGrant]] = field(default_factory=lambda: MadeWhereAsked({}, _none_of))
    later: Sequence[Located[CreditGrant]] = ()

    def __iter__(self) -> Iterator[Located[CreditGrant]]:
        return chain(self.read, self.known.values(), self.later)

    def and_then(self, found: Sequence[Located[CreditGrant]]) -> Grants:
        return replace(self, later=[*self.later, *found])

    def some(self, ids: Collection[str]) -> list[Located[CreditGrant]]:
        """Those of these ids."""
        read = (grant for grant in self.read if grant.terms.id in ids)
        return [*read, *self.known.some(ids), *(grant for grant in self.later if grant.terms.id in ids)]


def _none_of(place: int) -> Located[CreditGrant]:
    raise KeyError(place)


@dataclass(slots=True)
class ContractFiles:
    """What the books state. Items with a problem of their own are left out and known as broken."""

    settings: Settings = field(default_factory=Settings)
    settings_place: SourceLocation | None = None
    settings_known: bool = True
    deals: Located[Deals] | None = None
    meters: Registry[Meter] = field(default_factory=lambda: Registry("meter"))
    rate_cards: Registry[RateCard] = field(default_factory=lambda: Registry("rate card"))
    rate_card_versions: list[RateCardVersion] = field(default_factory=list)
    pricings: Registry[Pricing] = field(default_factory=lambda: Registry("pricing"))
    plans: Registry[Plan] = field(default_factory=lambda: Registry("plan"))
    customers: Registry[Customer] = field(default_factory=lambda: Registry("customer"))
    contracts: Registry[Contract] = field(default_factory=lambda: Registry("contract"))
    grants: Grants = Grants()
    sources: list[Located[Source]] = field(default_factory=list)
    # value of each prefix, by the place of the group key
    prefixes: dict[SourceLocation, dict[str, str]] = field(default_factory=dict)

    def registries(self) -> tuple[Registry[Any], ...]:
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
