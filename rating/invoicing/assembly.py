"""Headers and lines become documents: ids, line numbers, totals, status (R-36 to R-40). `issue` adds numbers, dates and hashes."""

from __future__ import annotations

import polars as pl

from rating import tables
from rating.arithmetic import exact
from rating.arithmetic.exact import int128
from rating.catalog import Catalog
from rating.credits.application import Credits
from rating.documents import Rated
from rating.schedule import Schedule, in_force
from rating.vocabulary import LINE_KINDS

LINE_ORDER = {kind: nth for nth, kind in enumerate(LINE_KINDS)}


def numbered_lines(lines: pl.DataFrame) -> pl.DataFrame:
    """Lines in their order on each document, with `line_no` (R-38). Lines come in invoice order within their kind by `rank`."""
    order = pl.col("kind").replace_strict(LINE_ORDER, return_dtype=pl.Int32)
    return (
        lines.with_columns(kind_rank=order)
        .sort("invoice_id", "kind_rank", "rank", nulls_last=True, maintain_order=True)
        .with_columns(line_no=pl.int_range(1, pl.len() + 1, dtype=pl.Int32).over("invoice_id"))
    )


def build_documents(
    catalog: Catalog,
    schedule: Schedule,
    headers: pl.DataFrame,
    lines: pl.DataFrame,
    shares: pl.DataFrame,
    tiers: pl.DataFrame,
    paid: Credits,
) -> Rated:
    """Documents with their totals, all but what `issue` gives.

    headers: DOCUMENT_HEADERS and `is_issued`. lines: DOCUMENT_CHARGES with line_id, line_no, adjusts_invoice_id. shares: line_id,
    window_start, window_end, share_units. tiers: `line` and TIER_CHARGES from tier_no on.
    """
    invoice_lines = _invoice_lines(catalog, lines, paid)
    return Rated(
        _with_totals(catalog, schedule, headers, invoice_lines),
        invoice_lines,
        _tier_charges(lines, tiers),
        _line_shares(lines, shares),
        paid.entries,
    )


def _with_totals(catalog: Catalog, schedule: Schedule, headers: pl.DataFrame, lines: pl.DataFrame) -> pl.DataFrame:
    """RATED_INVOICES: total = subtotal - credits (R-40)."""
    totals = lines.group_by("invoice_id").agg(
        subtotal=exact.decimal(exact.as_int128("amount").sum(), tables.MONEY),
        credits_applied=exact.decimal(exact.as_int128("credits_applied").sum(), tables.MONEY),
    )
    zero = pl.lit(0).cast(tables.MONEY)
    zones = catalog.contracts.select("contract_id", "currency", "timezone")
    return tables.RATED_INVOICES.frame(
        headers.join(zones, on="contract_id", how="left", maintain_order="left")
        .join(_net_terms(headers, schedule), on="invoice_id", how="left", maintain_order="left")
        .join(totals, on="invoice_id", how="left", maintain_order="left")
        .with_columns(pl.col("subtotal", "credits_applied").fill_null(zero), pl.col("net_terms").fill_null(0))
        .with_columns(
            total=exact.decimal(exact.as_int128("subtotal") - exact.as_int128("credits_applied"), tables.MONEY),
            books_version=pl.lit(catalog.version),
            status=pl.when("is_issued").then(pl.lit("issued")).otherwise(pl.lit("draft")),
        )
    )


def _invoice_lines(catalog: Catalog, lines: pl.DataFrame, paid: Credits) -> pl.DataFrame:
    of_lines = pl.concat([paid.draws, paid.returns]).group_by("line_id").agg(paid_units=int128(0) - pl.col("units").sum())
    money = exact.money_per_minor()
    names = catalog.pricings.select("pricing_code", pricing_name="name")
    return tables.INVOICE_LINES.frame(
        lines.join(of_lines, on="line_id", how="left", maintain_order="left")
        .join(names, on="pricing_code", how="left", maintain_order="left")
        .with_columns(
            # the codes of these are ids of their own
            pricing_name=pl.when(~pl.col("kind").is_in(["manual", "commitment_shortfall"])).then("pricing_name"),
            amount=exact.decimal(pl.col("amount_units") * money, tables.MONEY),
            credits_applied=exact.decimal(pl.col("paid_units").fill_null(int128(0)) * money, tables.MONEY),
        )
    )


def _tier_charges(lines: pl.DataFrame, tiers: pl.DataFrame) -> pl.DataFrame:
    own = lines.filter(pl.col("adjusts_invoice_id").is_null(), pl.col("line").is_not_null())
    return tables.TIER_CHARGES.frame(tiers.join(own.select("line", "invoice_id", "line_no"), on="line"))


def _line_shares(lines: pl.DataFrame, shares: pl.DataFrame) -> pl.DataFrame:
    placed = shares.join(lines.select("line_id", "invoice_id", "line_no", "minor_digits"), on="line_id")
    return tables.LINE_SHARES.frame(
        placed.with_columns(amount=exact.decimal(pl.col("share_units") * exact.money_per_minor(), tables.MONEY))
    )


def _net_terms(headers: pl.DataFrame, schedule: Schedule) -> pl.DataFrame:
    """Net terms in force at the period's end: at its last instant, or on the day of an initial invoice, and no earlier than
    the contract's start."""
    starts = schedule.terms.group_by("contract_id").agg(start=pl.col("valid_from").min())
    last = pl.max_horizontal("start", "period_start", pl.col("period_end") - pl.duration(microseconds=1))
    return (
        headers.join(starts, on="contract_id")
        .select("invoice_id", "contract_id", at=last)
        .join(schedule.terms.select("contract_id", "valid_from", "valid_to", "net_terms"), on="contract_id")
        .filter(in_force("at"))
        .select("invoice_id", "net_terms")
    )
