"""Headers and lines become documents: ids, line numbers, totals, status, numbers, due dates, hashes (R-36 to R-40).

The only step that looks across contracts is the numbering of what is issued, the last and smallest.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import polars as pl

from rating import exact, tables
from rating.books import Books
from rating.calendar import first_instants, local_dates
from rating.documents import Documents
from rating.schedule import Schedule

KIND_ORDER = {"initial": 0, "period": 1, "adjustment": 2}
LINE_ORDER = {"usage": 0, "base_fee": 1, "flat": 2, "minimum_commitment": 3, "one_time": 4, "prepaid_purchase": 5}


@dataclass(frozen=True, slots=True)
class Issuing:
    """What issuing needs: the clock and the last number given so far."""

    as_of: datetime
    last_number: int


def invoice_id(kind: str, date: str, suffix: pl.Expr | None = None) -> pl.Expr:
    """`acme-2026:period:2026-01-01`: the same from draft to issue, and plain to read."""
    parts = [pl.col("contract_id"), pl.lit(kind), pl.col(date).dt.strftime("%Y-%m-%d")]
    return pl.concat_str([*parts, suffix] if suffix is not None else parts, separator=":", ignore_nulls=True)


def period_headers(books: Books, periods: pl.DataFrame) -> pl.DataFrame:
    """HEADERS of `period` invoices: one a period, also when empty; due once the grace days are over (R-36, R-37)."""
    zoned = periods.join(books.contracts.select("contract_id", "timezone"), on="contract_id", maintain_order="left")
    due_from = zoned.get_column("end_date").dt.offset_by(f"{books.settings.grace_days}d")
    return zoned.with_columns(
        invoice_id("period", "start_date").alias("invoice_id"),
        first_instants(due_from, zoned.get_column("timezone")).alias("due_from"),
        pl.lit("period").alias("kind"),
        pl.lit(None, dtype=pl.String).alias("adjusts_invoice_id"),
    ).select(HEADER)


def initial_headers(books: Books, lines: pl.DataFrame, issued: Documents) -> pl.DataFrame:
    """HEADERS of `initial` invoices: one a contract and day that has lines to bill, due on that day.

    Where the day was invoiced before, what came into the books since goes on a further invoice of that day.
    """
    days = lines.select("contract_id", "day", "period_start").unique().sort("contract_id", "day")
    earlier = issued.invoices.filter(pl.col("kind") == "initial").group_by("contract_id", "period_start").agg(earlier=pl.len())
    is_further = pl.col("earlier").is_not_null()
    further = pl.when(is_further).then((pl.col("earlier") + 1).cast(pl.String))
    return (
        days.join(books.contracts.select("contract_id", "customer_id"), on="contract_id", maintain_order="left")
        .join(earlier, on=["contract_id", "period_start"], how="left", maintain_order="left")
        .with_columns(
            invoice_id("initial", "day", further).alias("invoice_id"),
            pl.col("period_start").alias("period_end"),
            pl.col("period_start").alias("due_from"),
            pl.col("day").dt.strftime("%Y-%m").alias("month"),
            pl.lit("initial").alias("kind"),
            pl.lit(None, dtype=pl.String).alias("adjusts_invoice_id"),
        )
        .select(HEADER)
    )


HEADER = [
    "invoice_id",
    "kind",
    "contract_id",
    "customer_id",
    "period_start",
    "period_end",
    "month",
    "due_from",
    "adjusts_invoice_id",
]


def numbered_lines(lines: pl.DataFrame) -> pl.DataFrame:
    """Lines in their order on each document, with `line_no` (R-38). Lines come in invoice order within their kind by `rank`."""
    order = pl.col("kind").replace_strict(LINE_ORDER, return_dtype=pl.Int32)
    return (
        lines.with_columns(kind_rank=order)
        .sort("invoice_id", "kind_rank", "rank", nulls_last=True, maintain_order=True)
        .with_columns(line_no=pl.int_range(1, pl.len() + 1, dtype=pl.Int32).over("invoice_id"))
    )


def assemble(
    headers: pl.DataFrame,
    lines: pl.DataFrame,
    tiers: pl.DataFrame,
    shares: pl.DataFrame,
    ledger: pl.DataFrame,
    books: Books,
    schedule: Schedule,
    issuing: Issuing,
) -> Documents:
    """DOCUMENTS of this run.

    headers: HEADER columns and `is_issued`. lines: INVOICE_LINES. tiers: TIER_CHARGES. shares: LINE_SHARES. ledger: CREDIT_LEDGER.
    """
    zoned = headers.join(
        books.contracts.select("contract_id", "currency", "timezone"), on="contract_id", how="left", maintain_order="left"
    ).join(_net_terms(headers, schedule), on="invoice_id", how="left", maintain_order="left")
    totals = lines.group_by("invoice_id").agg(
        subtotal=exact.decimal(exact.physical("amount").sum(), tables.MONEY),
        credits_applied=exact.decimal(exact.physical("credits_applied").sum(), tables.MONEY),
    )
    zero = pl.lit(0).cast(tables.MONEY)
    totalled = zoned.join(totals, on="invoice_id", how="left", maintain_order="left").with_columns(
        pl.col("subtotal", "credits_applied").fill_null(zero)
    )
    issued = _issue(totalled, issuing)
    hashed = _hashed(
        issued.with_columns(
            exact.decimal(exact.physical("subtotal") - exact.physical("credits_applied"), tables.MONEY).alias("total"),
            pl.lit(books.version).alias("books_version"),
        ),
        lines,
    )
    invoices = tables.INVOICES.require(
        hashed.select(tables.INVOICES.names).sort("period_end", "contract_id", "kind", "invoice_id")
    )
    return Documents(
        invoices,
        tables.INVOICE_LINES.require(lines.select(tables.INVOICE_LINES.names).sort("invoice_id", "line_no")),
        tables.TIER_CHARGES.require(tiers.select(tables.TIER_CHARGES.names).sort("invoice_id", "line_no", "tier_no")),
        tables.LINE_SHARES.require(shares),
        tables.CREDIT_LEDGER.require(ledger),
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
        .filter(pl.col("at") >= pl.col("valid_from"), pl.col("at") < pl.col("valid_to"))
        .select("invoice_id", "net_terms")
    )


def _issue(headers: pl.DataFrame, issuing: Issuing) -> pl.DataFrame:
    """Status, number, issued_at and due_date. Numbers go on without a gap, by period end, contract, kind (R-37)."""
    ordered = headers.with_columns(
        status=pl.when("is_issued").then(pl.lit("issued")).otherwise(pl.lit("draft")),
        kind_order=pl.col("kind").replace_strict(KIND_ORDER, return_dtype=pl.Int32),
    ).sort("period_end", "contract_id", "kind_order", "invoice_id")
    is_issued = pl.col("is_issued")
    number = is_issued.cast(pl.Int64).cum_sum() + issuing.last_number
    today = local_dates(pl.Series([issuing.as_of] * ordered.height, dtype=tables.INSTANT), ordered.get_column("timezone"))
    return ordered.with_columns(
        number=pl.when(is_issued).then(pl.concat_str(pl.lit("INV-"), number.cast(pl.String).str.zfill(6))),
        issued_at=pl.when(is_issued).then(pl.lit(issuing.as_of, dtype=tables.INSTANT)),
        due_date=pl.when(is_issued).then(today + pl.duration(days=pl.col("net_terms").fill_null(0))),
    )


def _hashed(invoices: pl.DataFrame, lines: pl.DataFrame) -> pl.DataFrame:
    texts = content_texts(invoices, lines)
    return invoices.with_columns(
        content_hash=pl.Series([hashlib.sha256(text.encode()).hexdigest() for text in texts], dtype=pl.String)
    )


def content_texts(invoices: pl.DataFrame, lines: pl.DataFrame) -> list[str]:
    """What content_hash is the SHA-256 of, in the order of `invoices`: every column of the document but the hash, a line each of
    its lines. Where a price stands in the books is left out: moving it changes no invoice."""
    line_texts = (
        lines.sort("invoice_id", "line_no")
        .select("invoice_id", text=_row_text(tables.INVOICE_LINES, without=("invoice_id", "group_values", "place")))
        .group_by("invoice_id", maintain_order=True)
        .agg(pl.col("text").str.join("\n"))
    )
    return (
        invoices.select("invoice_id", header=_row_text(tables.INVOICES, without=("content_hash", "month")))
        .join(line_texts, on="invoice_id", how="left", maintain_order="left")
        .select(pl.concat_str("header", pl.col("text").fill_null(""), separator="\n"))
        .to_series()
        .to_list()
    )


def _row_text(table: tables.Table, without: Sequence[str]) -> pl.Expr:
    """Every column as text, instants as microseconds since 1970, nulls as a character that no text of ours holds."""
    columns = [column for column in table.columns if column.name not in without]
    texts = (
        pl.col(column.name).cast(pl.Int64) if column.dtype == tables.INSTANT else pl.col(column.name) for column in columns
    )
    return pl.concat_str([text.cast(pl.String).fill_null("\x00") for text in texts], separator="\x1f")
