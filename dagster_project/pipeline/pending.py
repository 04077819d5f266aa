"""Draft adjustments from one run to the next (R-43).

When the period that one corrects closes before the adjustment is issued, it keeps the figures of its last re-rating. Drafts are
derived, so they lie in derived/; where that was deleted, or a run died before it left any, `steps.pending_adjustments` rehearses
the runs that re-rated last to have them back.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import polars as pl

from dagster_project.warehouse import issued
from dagster_project.warehouse.files import publish_atomically, remove
from dagster_project.warehouse.paths import Warehouse
from rating import tables
from rating.documents import Documents
from rating.rate import EVERY_MONTH, Months

AS_OF = "as_of"
NEVER = datetime.min  # noqa: DTZ901 - naive UTC throughout
UNREADABLE = (OSError, ValueError, pl.exceptions.PolarsError, pl.exceptions.PanicException, tables.SchemaMismatch)


@dataclass(frozen=True, slots=True)
class PendingAdjustments:
    """Draft adjustments, without ledger entries: their draws are made when they are issued. as_of: of the last run that rated every
    month; what later runs have re-rated may be missing."""

    documents: Documents
    as_of: datetime


def read(warehouse: Warehouse) -> PendingAdjustments:
    """The draft adjustments that the last run left; none, of no run, where they are lost or damaged."""
    for place in (warehouse.pending, warehouse.pending_before):
        try:
            documents = Documents(
                *(table.frame(pl.read_parquet(place / issued.file_of(table))) for table in tables.DOCUMENT_TABLES)
            )
            return PendingAdjustments(documents, datetime.fromisoformat((place / AS_OF).read_text(encoding="ascii")))
        except UNREADABLE:
            continue
    return PendingAdjustments(Documents.none(), NEVER)


def remember(warehouse: Warehouse, left: PendingAdjustments) -> None:
    """Leave the draft adjustments for the next run, which finds all of them or, killed meanwhile, all of those before."""
    building = warehouse.derived / "remembering"
    remove(building)
    building.mkdir(parents=True)
    for table, frame in issued.by_table(left.documents):
        frame.write_parquet(building / issued.file_of(table))
    (building / AS_OF).write_text(left.as_of.isoformat(), encoding="ascii")
    if warehouse.pending.exists():
        remove(warehouse.pending_before)
        publish_atomically(warehouse.pending, warehouse.pending_before)
    publish_atomically(building, warehouse.pending)
    remove(warehouse.pending_before)


def of_run(
    now: Documents, before: PendingAdjustments, already: Documents, months: Months, held_back: pl.Series, as_of: datetime
) -> PendingAdjustments:
    """Draft adjustments of this run (`now`), and those of months and contracts that it did not rate (from `before`).

    already: what earlier runs have issued.
    """
    mine = _only(now, now.invoices.filter(pl.col("status") == "draft", pl.col("kind") == "adjustment"))
    known = pl.concat([already.invoices, now.invoices])
    waiting = before.documents
    not_rated = ~months.hold(pl.col("month")) | pl.col("contract_id").is_in(held_back.implode())
    others = _only(waiting, waiting.invoices.filter(not_rated).join(known, on="invoice_id", how="anti"))
    return PendingAdjustments(issued.concat(mine, others), as_of if months == EVERY_MONTH else before.as_of)


def replace_rehearsed(left: Documents, rehearsed: Documents, originals: pl.DataFrame) -> Documents:
    """The drafts, but those that correct `originals` (original_id) are the rehearsed ones."""
    corrects = pl.col("adjusts_invoice_id").is_in(originals.get_column("original_id").implode())
    is_draft = (pl.col("status") == "draft") & (pl.col("kind") == "adjustment")
    return issued.concat(
        _only(left, left.invoices.filter(~corrects)), _only(rehearsed, rehearsed.invoices.filter(is_draft, corrects))
    )


def _only(documents: Documents, invoices: pl.DataFrame) -> Documents:
    """Some of the documents, without ledger entries."""
    parts = (
        frame.join(invoices, on="invoice_id", how="semi", maintain_order="left") for _, frame in issued.by_table(documents)
    )
    lines = Documents(*parts)
    return Documents(lines.invoices, lines.lines, lines.tiers, lines.shares, tables.CREDIT_LEDGER.empty())
