"""The kernel, run after run, as the shell would call it: what is issued and what is pending is handed from run to run."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path

import polars as pl

from rating import books, tables
from rating.documents import Documents
from rating.invoicing.adjustments import lines_in_play
from rating.rate import rate
from rating.schedule import Schedule, build_schedule

DRAFT_ADJUSTMENTS = (pl.col("kind") == "adjustment") & (pl.col("status") == "draft")


class Kernel:
    """Remembers the documents issued so far and the draft adjustments of the last run."""

    def __init__(self) -> None:
        self.issued = Documents.none()
        self.pending = Documents.none()

    def build_schedule(self, folder: Path, as_of: datetime) -> Schedule:
        return build_schedule(books.load(folder), as_of, self.issued.invoices)

    def run(self, folder: Path, usage: pl.DataFrame, as_of: datetime, *, issue: bool) -> Documents:
        """This run's documents: newly issued ones and drafts."""
        schedule = self.build_schedule(folder, as_of)
        catalog = books.load(folder)
        made = rate(catalog, schedule, usage, self.read_by(catalog, as_of), as_of, issue=issue, pending=self.pending)
        self.issued = together(self.issued, made.with_status("issued"))
        self.pending = of_documents(made, made.invoices.filter(DRAFT_ADJUSTMENTS))
        return made

    def read_by(self, catalog: books.Books, as_of: datetime) -> Documents:
        """What the shell gives the kernel to read of what is issued: lines of documents that may still matter, and no tiers."""
        wanted = lines_in_play(self.issued, catalog, as_of, self.pending)
        is_wanted = pl.col("invoice_id").is_in(wanted.implode())
        return replace(
            self.issued,
            lines=self.issued.lines.filter(is_wanted | pl.col("service_start").is_not_null()),
            tiers=tables.TIER_CHARGES.empty(),
            shares=self.issued.shares.filter(is_wanted),
        )


def together(first: Documents, second: Documents) -> Documents:
    return Documents(
        pl.concat([first.invoices, second.invoices]),
        pl.concat([first.lines, second.lines]),
        pl.concat([first.tiers, second.tiers]),
        pl.concat([first.shares, second.shares]),
        pl.concat([first.ledger, second.ledger]),
    )


def of_documents(documents: Documents, invoices: pl.DataFrame) -> Documents:
    def theirs(frame: pl.DataFrame) -> pl.DataFrame:
        return frame.join(invoices, on="invoice_id", how="semi", maintain_order="left")

    return Documents(
        invoices, theirs(documents.lines), theirs(documents.tiers), theirs(documents.shares), theirs(documents.ledger)
    )
