"""Headers of documents, before they have lines: which there are, their ids, and from when they are due (R-36, R-37)."""

from __future__ import annotations

import polars as pl

from rating import tables
from rating.calendar import first_instants
from rating.catalog import Catalog
from rating.documents import Documents

HEADER = tables.DOCUMENT_HEADERS


def invoice_id(kind: str, date: str, suffix: pl.Expr | None = None) -> pl.Expr:
    """`acme-2026:period:2026-01-01`: the same from draft to issue, and plain to read."""
    parts = [pl.col("contract_id"), pl.lit(kind), pl.col(date).dt.strftime("%Y-%m-%d")]
    return pl.concat_str([*parts, suffix] if suffix is not None else parts, separator=":", ignore_nulls=True)


def period_headers(catalog: Catalog, periods: pl.DataFrame) -> pl.DataFrame:
    """HEADERS of `period` invoices: one a period, also when empty; due once the grace days are over (R-36, R-37)."""
    zoned = periods.join(catalog.contracts.select("contract_id", "timezone"), on="contract_id", maintain_order="left")
    due_from = zoned.get_column("end_date").dt.offset_by(f"{catalog.grace_days}d")
    return zoned.with_columns(
        invoice_id("period", "start_date").alias("invoice_id"),
        first_instants(due_from, zoned.get_column("timezone")).alias("due_from"),
        pl.lit("period").alias("kind"),
        pl.lit(None, dtype=pl.String).alias("adjusts_invoice_id"),
    ).select(HEADER.names)


def initial_headers(catalog: Catalog, lines: pl.DataFrame, issued: Documents) -> pl.DataFrame:
    """HEADERS of `initial` invoices: one a contract and day that has lines to bill, due on that day.

    Where the day was invoiced before, what came into the books since goes on a further invoice of that day.
    """
    days = lines.select("contract_id", "day", "period_start").unique().sort("contract_id", "day")
    earlier = issued.invoices.filter(pl.col("kind") == "initial").group_by("contract_id", "period_start").agg(earlier=pl.len())
    is_further = pl.col("earlier").is_not_null()
    further = pl.when(is_further).then((pl.col("earlier") + 1).cast(pl.String))
    return (
        days.join(catalog.contracts.select("contract_id", "customer_id"), on="contract_id", maintain_order="left")
        .join(earlier, on=["contract_id", "period_start"], how="left", maintain_order="left")
        .with_columns(
            invoice_id("initial", "day", further).alias("invoice_id"),
            pl.col("period_start").alias("period_end"),
            pl.col("period_start").alias("due_from"),
            pl.col("day").dt.strftime("%Y-%m").alias("month"),
            pl.lit("initial").alias("kind"),
            pl.lit(None, dtype=pl.String).alias("adjusts_invoice_id"),
        )
        .select(HEADER.names)
    )
