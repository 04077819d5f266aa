"""Tiers, wherever they stand: in a pricing, a card's entry or an override."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from rating.books.models import Tier
from rating.books.problems import Problem
from rating.books.source_locations import SourceLocation


def tier_problems(tiers: Sequence[Tier], place: SourceLocation) -> Iterator[Problem]:
    """What is wrong with one tier set: bounds that do not ascend, a last tier that ends, a tier without a price (R-23)."""
    if not tiers:
        yield place.problem("there are no tiers", 'Write at least one: [{unit_amount: "0.10"}]')
        return
    for position, tier in enumerate(tiers):
        if tier.unit_amount is None and tier.flat_amount is None:
            yield place.at(position).problem("the tier has no price", 'Add `unit_amount: "…"`, or `flat_amount: "…"`')
    for position, tier in enumerate(tiers[:-1]):
        if tier.up_to is None:
            yield place.at(position).problem(
                "only the last tier has no `up_to`", "Add `up_to: …`, the last quantity of this tier"
            )
    if tiers[-1].up_to is not None:
        yield place.at(len(tiers) - 1, "up_to").problem(
            "the last tier ends", "Take `up_to` out of it, or add a tier without `up_to`"
        )
    for position, (tier, following) in enumerate(pairwise(tiers), start=1):
        if tier.up_to is not None and following.up_to is not None and following.up_to <= tier.up_to:
            what = f"tiers do not ascend: {following.up_to:f} comes after {tier.up_to:f}"
            yield place.at(position, "up_to").problem(what, "Order tiers by `up_to`, every bound once")
