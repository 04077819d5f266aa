"""The documents of a run or of all runs so far: frames that belong together."""

from __future__ import annotations

from dataclasses import dataclass, field

import polars as pl

from rating import tables


@dataclass(frozen=True, slots=True)
class Documents:
    """INVOICES, INVOICE_LINES, TIER_CHARGES, LINE_SHARES and CREDIT_LEDGER of the same documents, in that order."""

    invoices: pl.DataFrame
    lines: pl.DataFrame
    tiers: pl.DataFrame
    shares: pl.DataFrame
    ledger: pl.DataFrame

    @classmethod
    def none(cls) -> Documents:
        return cls(*(table.empty() for table in tables.DOCUMENT_TABLES))

    def with_status(self, status: str) -> Documents:
        """The documents that are `issued` or `draft`, and the ledger entries that go with them (posted or draft)."""
        return self._of(
            self.invoices.filter(pl.col("status") == status),
            self.ledger.filter(pl.col("status") == ("posted" if status == "issued" else "draft")),
        )

    def only(self, contracts: pl.Series) -> Documents:
        """The documents and ledger entries of some contracts."""
        chosen = pl.col("contract_id").is_in(contracts.implode())
        return self._of(self.invoices.filter(chosen), self.ledger.filter(chosen))

    def _of(self, invoices: pl.DataFrame, ledger: pl.DataFrame) -> Documents:
        lines, tiers, shares = (
            frame.join(invoices, on="invoice_id", how="semi", maintain_order="left")
            for frame in (self.lines, self.tiers, self.shares)
        )
        return Documents(invoices, lines, tiers, shares, ledger)


@dataclass(frozen=True, slots=True)
class Rated:
    """What some contracts come to: RATED_INVOICES, INVOICE_LINES, TIER_CHARGES, LINE_SHARES, RATED_ENTRIES.

    periods: RATED_PERIODS. unbilled: UNBILLED_USAGE of those that are issued.
    held_back: why contracts that cannot be rated are not among them, by contract_id (R-2, R-47).
    """

    invoices: pl.DataFrame
    lines: pl.DataFrame
    tiers: pl.DataFrame
    shares: pl.DataFrame
    ledger: pl.DataFrame
    periods: pl.DataFrame = field(default_factory=tables.RATED_PERIODS.empty)
    unbilled: pl.DataFrame = field(default_factory=tables.UNBILLED_USAGE.empty)
    held_back: tuple[tuple[str, str], ...] = ()
