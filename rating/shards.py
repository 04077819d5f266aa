"""Sets of contracts rated alone: divided into shards, and without those that cannot be rated (R-2, R-4, R-47; law 4)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

import polars as pl

from rating.arithmetic.exact import AmountOverflow
from rating.catalog import Catalog
from rating.documents import Documents, Rated
from rating.rate import EVERY_MONTH, Months, rate_shard
from rating.schedule import Schedule


@dataclass(frozen=True, slots=True)
class Shard:
    """What `rate_shard` takes, of some contracts."""

    catalog: Catalog
    schedule: Schedule
    usage: pl.DataFrame
    issued: Documents
    as_of: datetime
    months: Months = EVERY_MONTH
    issue: bool = True
    pending: Documents | None = None

    def only(self, contracts: pl.Series) -> Shard:
        """The same of some of its contracts."""
        return replace(
            self,
            catalog=self.catalog.only(contracts),
            schedule=self.schedule.only(contracts),
            usage=self.usage.filter(pl.col("contract_id").is_in(contracts.implode())),
            issued=self.issued.only(contracts),
            pending=None if self.pending is None else self.pending.only(contracts),
        )

    def divided(self, count: int) -> list[Shard]:
        """At most `count` shards that hold every contract once: contract ids in turn, so that neighbours are spread."""
        contracts = self.catalog.contracts.get_column("contract_id").sort()
        if count <= 1 or contracts.len() <= 1:
            return [self]
        return [self.only(contracts.gather_every(count, first)) for first in range(min(count, contracts.len()))]


def rate_or_hold_back(shard: Shard) -> Rated:
    """Rate a shard without the contracts that cannot be rated; these are named in `held_back`, each with its row (R-2, R-47)."""
    held: dict[str, str] = {}
    contracts = shard.catalog.contracts.get_column("contract_id")
    while True:
        try:
            rated = rate_shard(
                shard.catalog,
                shard.schedule,
                shard.usage,
                shard.issued,
                shard.as_of,
                months=shard.months,
                issue=shard.issue,
                pending=shard.pending,
            )
            return replace(rated, held_back=tuple(sorted(held.items())))
        except AmountOverflow as overflow:
            held |= overflow.by_contract
            shard = shard.only(contracts.filter(~contracts.is_in([*held])))
