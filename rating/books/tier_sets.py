"""TierSets: equal tiers share one, wherever they stand, and their ids do not depend on the order of files."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

import polars as pl

from rating.books.models import Tier
from rating.tables import TIER_SETS

_Rung = tuple[Decimal, Decimal, Decimal]
_ENDLESS = Decimal("Infinity")
_NOTHING = Decimal(0)


class TierSets:
    """All distinct tier_sets of the books, numbered from 0 in the order of their values."""

    def __init__(self, stated: Iterable[Sequence[Tier]]) -> None:
        self._ids = {rungs: number for number, rungs in enumerate(sorted({_rungs(tiers) for tiers in stated if tiers}))}

    def id_of(self, tiers: Sequence[Tier] | None) -> int | None:
        return None if tiers is None else self._ids[_rungs(tiers)]

    def frame(self) -> pl.DataFrame:
        """TIER_SETS: one row a tier (R-23)."""
        return TIER_SETS.frame([row for rungs, tier_set_id in self._ids.items() for row in _rows(tier_set_id, rungs)])


def _rungs(tiers: Sequence[Tier]) -> tuple[_Rung, ...]:
    return tuple((tier.up_to or _ENDLESS, tier.unit_amount or _NOTHING, tier.flat_amount or _NOTHING) for tier in tiers)


def _rows(tier_set_id: int, rungs: tuple[_Rung, ...]) -> Iterable[dict[str, Any]]:
    lower = _NOTHING
    for tier_no, (upper, unit_amount, flat_amount) in enumerate(rungs, start=1):
        yield {
            "tier_set_id": tier_set_id,
            "tier_no": tier_no,
            "lower": lower,
            "upper": None if upper == _ENDLESS else upper,
            "unit_amount": unit_amount,
            "flat_amount": flat_amount,
        }
        lower = upper
