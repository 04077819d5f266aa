"""The one function of the house: what is known now becomes documents (law 1).

Nightly run, backfill, dry run and what-if are this call with other arguments. Pure: no file, no clock, no environment.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import polars as pl

from rating import exact, tables
from rating.books import Books
from rating.documents import Documents
from rating.fees import fee_lines
from rating.initial import initial_lines
from rating.invoices import Issuing, assemble, initial_headers, numbered_lines, period_headers
from rating.schedule import Schedule
from rating.usage_lines import UsageLines, usage_lines

PERIOD = ["contract_id", "period_start"]


@dataclass(frozen=True, slots=True)
class Months:
    """Billing months of a run, both ends included (YYYY-MM); None: no bound."""

    first: str | None = None
    last: str | None = None

    def hold(self, month: pl.Expr) -> pl.Expr:
        holds = pl.lit(True)
        if self.first is not None:
            holds &= month >= self.first
        if self.last is not None:
            holds &= month <= self.last
        return holds


EVERY_MONTH = Months()


def rate(
    books: Books,
    schedule: Schedule,
    usage: pl.DataFrame,
    issued: Documents,
    as_of: datetime,
    *,
    months: Months = EVERY_MONTH,
    issue: bool = True,
) -> Documents:
    """Rate every period and initial day that is not issued yet.

    books, schedule: of the contracts of this shard. usage: USAGE, as known at as_of. issued: every document issued so far.
    Out: this run's documents, newly issued and drafts; what was issued before is not repeated.
    Raises `exact.DoesNotFit` (R-2) naming the row.
    """
    periods = schedule.periods.filter(pl.col("period_start") <= as_of)
    of_periods = _not_issued(period_headers(books, periods), issued).filter(months.hold(pl.col("month")))
    on_days = initial_lines(books, schedule, as_of)
    of_days = _not_issued(initial_headers(books, on_days), issued).filter(months.hold(pl.col("month")))

    open_periods = periods.join(of_periods, on=PERIOD, how="semi", maintain_order="left")
    rated = usage_lines(books, schedule, open_periods, usage)
    fees = fee_lines(books, schedule, open_periods, rated.lines.group_by(PERIOD).agg(usage_units=pl.col("amount_units").sum()))
    lines = numbered_lines(
        pl.concat(
            [
                _on(of_periods, rated.lines.with_columns(kind=pl.lit("usage"), rank=pl.col("line").cast(pl.Int64))),
                _on(of_periods, fees.with_columns(pl.col("rank").cast(pl.Int64), price_from=pl.col("period_start"))),
                _on(of_days, on_days.with_columns(pl.col("rank").cast(pl.Int64), price_from=pl.col("period_start"))),
            ],
            how="diagonal_relaxed",
        )
    )
    last_number = issued.invoices.select(pl.col("number").str.strip_prefix("INV-").cast(pl.Int64).max()).item() or 0
    return assemble(
        pl.concat([of_periods, of_days]),
        _as_invoice_lines(lines),
        _as_tier_charges(lines, rated),
        tables.CREDIT_LEDGER.empty(),
        books,
        schedule,
        Issuing(as_of, last_number, issue),
    )


def _not_issued(headers: pl.DataFrame, issued: Documents) -> pl.DataFrame:
    return headers.join(issued.invoices, on="invoice_id", how="anti", maintain_order="left")


def _on(headers: pl.DataFrame, lines: pl.DataFrame) -> pl.DataFrame:
    """Lines beside the id of their document."""
    return lines.join(headers.select("invoice_id", *PERIOD), on=PERIOD, maintain_order="left")


def _as_invoice_lines(lines: pl.DataFrame) -> pl.DataFrame:
    to_money = pl.col("minor_digits").replace_strict({n: 10 ** (tables.MONEY_SCALE - n) for n in range(tables.MONEY_SCALE + 1)}, return_dtype=exact.INT)
    return tables.INVOICE_LINES.frame(
        lines.with_columns(
            amount=exact.decimal(pl.col("amount_units") * to_money, tables.MONEY),
            credits_applied=pl.lit(0).cast(tables.MONEY),
            event_count=pl.col("event_count").fill_null(0),
        )
    )


def _as_tier_charges(lines: pl.DataFrame, rated: UsageLines) -> pl.DataFrame:
    return tables.TIER_CHARGES.frame(rated.tiers.join(lines.select("line", "invoice_id", "line_no"), on="line"))
