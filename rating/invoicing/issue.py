"""Issuing: what all contracts come to gets numbers, dates and hashes (R-37). The only step across contracts, and a tiny one."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime

import polars as pl

from rating import tables
from rating.calendar import local_dates
from rating.documents import Documents, Rated
from rating.vocabulary import INVOICE_KINDS

KIND_ORDER = {kind: nth for nth, kind in enumerate(INVOICE_KINDS)}


def last_number(issued: Documents) -> int:
    """The last number given so far; 0 before the first."""
    return issued.invoices.select(pl.col("number").str.strip_prefix("INV-").cast(pl.Int64).max()).item() or 0


def issue_documents(shards: Sequence[Rated], as_of: datetime, last: int) -> Documents:
    """The documents of a run: those of all shards, in an order that does not depend on how contracts were divided.

    last: the last number given so far. Documents that are due get the next ones, without a gap, by period end, contract, kind.
    """
    lines = pl.concat([shard.lines for shard in shards]).sort("invoice_id", "line_no")
    invoices = _dated(_numbered(pl.concat([shard.invoices for shard in shards]), last), as_of)
    return Documents(
        tables.INVOICES.require(_hashed(invoices, lines).select(tables.INVOICES.names)),
        tables.INVOICE_LINES.require(lines),
        tables.TIER_CHARGES.require(pl.concat([shard.tiers for shard in shards]).sort("invoice_id", "line_no", "tier_no")),
        tables.LINE_SHARES.require(pl.concat([shard.shares for shard in shards]).sort("invoice_id", "line_no", "window_start")),
        tables.CREDIT_LEDGER.require(_in_order(pl.concat([shard.ledger for shard in shards]))),
    )


def _numbered(invoices: pl.DataFrame, last: int) -> pl.DataFrame:
    is_issued = pl.col("status") == "issued"
    kind = pl.col("kind").replace_strict(KIND_ORDER, return_dtype=pl.Int32)
    number = is_issued.cast(pl.Int64).cum_sum() + last
    return invoices.sort("period_end", "contract_id", kind, "invoice_id").with_columns(
        number=pl.when(is_issued).then(pl.concat_str(pl.lit("INV-"), number.cast(pl.String).str.zfill(6)))
    )


def _dated(invoices: pl.DataFrame, as_of: datetime) -> pl.DataFrame:
    is_issued = pl.col("status") == "issued"
    today = local_dates(pl.Series([as_of] * invoices.height, dtype=tables.INSTANT), invoices.get_column("timezone"))
    return invoices.with_columns(
        issued_at=pl.when(is_issued).then(pl.lit(as_of, dtype=tables.INSTANT)),
        due_date=pl.when(is_issued).then(today + pl.duration(days=pl.col("net_terms"))),
    )


def _in_order(entries: pl.DataFrame) -> pl.DataFrame:
    """CREDIT_LEDGER: posted entries, then drafts; grants, then what documents move in their order, then what expires."""
    is_draft = pl.col("status") == "draft"
    return entries.sort(is_draft, "phase", "document_start", "invoice_id", "order", "grant_id").select(
        tables.CREDIT_LEDGER.names
    )


def _hashed(invoices: pl.DataFrame, lines: pl.DataFrame) -> pl.DataFrame:
    texts = content_texts(invoices, lines)
    hashes = pl.Series([hashlib.sha256(text.encode()).hexdigest() for text in texts], dtype=pl.String)
    kind = pl.col("kind")
    return invoices.with_columns(content_hash=hashes).sort("period_end", "contract_id", kind, "invoice_id")


def content_texts(invoices: pl.DataFrame, lines: pl.DataFrame) -> list[str]:
    """What content_hash is the SHA-256 of, in the order of `invoices`: every column of the document but the hash, a line each of
    its lines. Left out is where a price stands in the books, for moving it changes no invoice, and list prices, which bill nothing."""
    line_texts = (
        lines.sort("invoice_id", "line_no")
        .select("invoice_id", text=pl.concat_str(_row_text(tables.INVOICE_LINES, without=_NOT_HASHED), _service_text()))
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


_SERVICE = ("service_start", "service_end")
_NOT_HASHED = ("invoice_id", "group_values", "place", "list_rate", "list_amount", "pricing_name", *_SERVICE)


def _service_text() -> pl.Expr:
    """What a fee in advance pays for; nothing on other lines, which are hashed as they were before there were such fees."""
    texts = (pl.lit("\x1f") + pl.col(name).cast(pl.Int64).cast(pl.String) for name in _SERVICE)
    return pl.concat_str(texts).fill_null("")


def _row_text(table: tables.Table, without: Sequence[str]) -> pl.Expr:
    """Every column as text, instants as microseconds since 1970, nulls as a character that no text of ours holds."""
    columns = [column for column in table.columns if column.name not in without]
    texts = (
        pl.col(column.name).cast(pl.Int64) if column.dtype == tables.INSTANT else pl.col(column.name) for column in columns
    )
    return pl.concat_str([text.cast(pl.String).fill_null("\x00") for text in texts], separator="\x1f")
