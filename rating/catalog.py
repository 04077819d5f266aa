"""The books as the kernel reads them: plain frames and three settings, whoever has read them from wherever.

`rating.books` makes a catalog of contract files; a test, a door or a worker may make one of frames.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

import polars as pl

OF_CONTRACTS = (
    "contracts",
    "contract_terms",
    "rate_overrides",
    "credit_grants",
    "manual_charges",
    "commitments",
    "covered_customers",
)


@dataclass(frozen=True, slots=True)
class Catalog:
    """The frames of `tables.BOOKS_TABLES`, each as declared there, keys unique and references whole.

    version: stands on every document that is made of them. grace_days, rerate_days: calendar days (R-37, R-42).
    """

    version: str
    grace_days: int
    rerate_days: int
    meters: pl.DataFrame
    meter_filters: pl.DataFrame
    rate_cards: pl.DataFrame
    rate_card_entries: pl.DataFrame
    tier_sets: pl.DataFrame
    pricings: pl.DataFrame
    plans: pl.DataFrame
    plan_pricings: pl.DataFrame
    customers: pl.DataFrame
    contracts: pl.DataFrame
    contract_terms: pl.DataFrame
    rate_overrides: pl.DataFrame
    credit_grants: pl.DataFrame
    manual_charges: pl.DataFrame
    commitments: pl.DataFrame
    covered_customers: pl.DataFrame

    def only(self, contracts: pl.Series) -> Self:
        """The catalog of some contracts: what others have agreed is left out, what all share stays."""
        chosen = pl.col("contract_id").is_in(contracts.implode())
        return replace(self, **{name: getattr(self, name).filter(chosen) for name in OF_CONTRACTS})
