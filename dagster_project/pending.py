"""Draft adjustments from one run to the next (R-43).

When the period that one corrects closes before the adjustment is issued, it keeps the figures of its last re-rating. Drafts are
derived, so they lie in derived/; where that was deleted, `steps.pending_adjustments` rehearses the last run to have them back.
"""

from __future__ import annotations

import polars as pl

from dagster_project import issued
from dagster_project.warehouse import Warehouse, appear, discard
from rating import tables
from rating.documents import Documents
from rating.rate import Months


def read(warehouse: Warehouse) -> Documents | None:
    """The draft adjustments that the last run left; None where none has left any."""
    if not warehouse.pending.exists():
        return None
    return Documents(
        *(table.require(pl.read_parquet(warehouse.pending / f"{table.name}.parquet")) for table in tables.DOCUMENT_TABLES)
    )


def remember(warehouse: Warehouse, documents: Documents) -> None:
    """Leave the draft adjustments for the next run: all of them or, killed meanwhile, none."""
    building = warehouse.derived / "remembering"
    discard(building)
    building.mkdir(parents=True)
    for table, frame in issued.by_table(documents):
        frame.write_parquet(building / f"{table.name}.parquet")
    discard(warehouse.pending)
    appear(building, warehouse.pending)


def of_run(now: Documents, before: Documents | None, already: Documents, months: Months) -> Documents:
    """Draft adjustments of this run (`now`), and those of months that it did not rate (from `before`).

    already: what earlier runs have issued. Without ledger entries: their draws are made when they are issued.
    """
    mine = _only(now, now.invoices.filter(pl.col("status") == "draft", pl.col("kind") == "adjustment"))
    if before is None:
        return mine
    known = pl.concat([already.invoices, now.invoices])
    others = _only(before, before.invoices.filter(~months.hold(pl.col("month"))).join(known, on="invoice_id", how="anti"))
    return issued.together(mine, others)


def _only(documents: Documents, invoices: pl.DataFrame) -> Documents:
    """Some of the documents, without ledger entries."""
    parts = (
        frame.join(invoices, on="invoice_id", how="semi", maintain_order="left") for _, frame in issued.by_table(documents)
    )
    lines = Documents(*parts)
    return Documents(lines.invoices, lines.lines, lines.tiers, lines.shares, tables.CREDIT_LEDGER.empty())
