"""The documents of a run or of all runs so far: frames that belong together."""

from __future__ import annotations

from dataclasses import dataclass

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
        invoices = self.invoices.filter(pl.col("status") == status)
        return Documents(
            invoices,
            self.lines.join(invoices, on="invoice_id", how="semi", maintain_order="left"),
            self.tiers.join(invoices, on="invoice_id", how="semi", maintain_order="left"),
            self.shares.join(invoices, on="invoice_id", how="semi", maintain_order="left"),
            self.ledger.filter(pl.col("status") == ("posted" if status == "issued" else "draft")),
        )
