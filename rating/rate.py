"""The one function of the house: what is known now becomes documents (law 1).

Nightly run, backfill, dry run and what-if are this call with other arguments. Pure: no file, no clock, no environment.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import polars as pl

from rating import adjustments, combinations, drawdown, exact, ledger, tables
from rating.adjustments import SAME_LINE
from rating.books import Books
from rating.documents import Documents
from rating.drawing import Drawing, settle
from rating.exact import integer
from rating.fees import fee_lines
from rating.initial import initial_lines
from rating.invoices import HEADER, Issuing, assemble, initial_headers, numbered_lines, period_headers
from rating.schedule import Schedule
from rating.slots import WINDOWED
from rating.usage_lines import UsageLines, usage_lines

PERIOD = ["contract_id", "period_start"]


@dataclass(frozen=True, slots=True)
class Months:
    """Billing months of a run, both ends included (YYYY-MM); None: no bound."""

    first: str | None = None
    last: str | None = None

    def hold(self, month: pl.Expr) -> pl.Expr:
        holds = pl.lit(value=True)
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
    pending: Documents | None = None,
) -> Documents:
    """Rate every period and initial day that is not issued yet, and rate again what was issued and is not closed.

    books, schedule: of the contracts of this shard. usage: USAGE, as known at as_of. issued: every document issued so far.
    pending: draft adjustments of the run before, for periods that have closed since (R-43).
    Out: this run's documents, newly issued and drafts; what was issued before is not repeated.
    Raises `exact.DoesNotFit` (R-2) naming the row.
    """
    periods = schedule.periods.filter(pl.col("period_start") <= as_of)
    of_periods = _not_issued(period_headers(books, periods), issued).filter(months.hold(pl.col("month")))
    on_days = initial_lines(books, schedule, issued, as_of)
    of_days = initial_headers(books, on_days, issued).filter(months.hold(pl.col("month")))
    originals = adjustments.issued_periods(issued, books, as_of)
    again = originals.filter(~pl.col("is_closed"), months.hold(pl.col("month")))

    rated_periods = periods.join(
        pl.concat([of_periods.select(PERIOD), again.select(PERIOD)]), on=PERIOD, how="semi", maintain_order="left"
    )
    rated = usage_lines(books, schedule, rated_periods, usage)
    now = _lines_now(books, schedule, rated_periods, rated)
    before = adjustments.issued_lines(issued, originals)
    differing = adjustments.in_invoice_order(adjustments.differences(now, before, again), books, schedule)
    carried = _carried_over(pending, originals.filter("is_closed"), issued)
    of_adjustments = pl.concat([adjustments.headers(differing, again, issued), carried.headers])

    headers = _due(pl.concat([of_periods, of_days, of_adjustments]), originals, periods, as_of, issue)
    headers = headers.sort("period_start", "invoice_id").with_row_index("document_no")
    lines = numbered_lines(
        pl.concat(
            [
                _on(of_periods, now),
                _on(of_days, on_days.with_columns(pl.col("rank").cast(pl.Int64), price_from=pl.col("period_start"))),
                _on_originals(of_adjustments, differing),
                carried.lines,
            ],
            how="diagonal_relaxed",
        )
    ).with_row_index("line_id")
    lines = lines.join(
        headers.select("invoice_id", "document_no", "contract_id", "is_issued", "adjusts_invoice_id"),
        on="invoice_id",
        how="left",
        maintain_order="left",
    )

    now_shares = rated.shares.join(now.select("line", *PERIOD, *SAME_LINE[1:]), on="line")
    moved = adjustments.share_differences(
        now_shares.join(again.select("original_id", *PERIOD), on=PERIOD),
        differing,
        issued,
        before,
        schedule.windows,
        books.meters,
    )
    shares = _shares(lines, rated.shares, moved, carried.shares)
    purse = _purse(books, issued, headers, periods, as_of, issue)
    drawing = settle(
        _claims(lines, shares, headers, schedule.windows, books),
        _returns(lines, issued, before, purse, as_of),
        headers.select("document_no", "contract_id"),
        purse,
    )
    return assemble(
        headers,
        _as_invoice_lines(lines, drawing),
        _as_tier_charges(lines, rated),
        _as_line_shares(lines, shares),
        _as_entries(lines, drawing, purse, headers, as_of, issue),
        books,
        schedule,
        Issuing(as_of, _last_number(issued)),
    )


# --- documents and their lines ----------------------------------------------------------------------------------------------


def _not_issued(headers: pl.DataFrame, issued: Documents) -> pl.DataFrame:
    return headers.join(issued.invoices, on="invoice_id", how="anti", maintain_order="left")


def _last_number(issued: Documents) -> int:
    return issued.invoices.select(pl.col("number").str.strip_prefix("INV-").cast(pl.Int64).max()).item() or 0


def _due(headers: pl.DataFrame, originals: pl.DataFrame, periods: pl.DataFrame, as_of: datetime, issue: bool) -> pl.DataFrame:
    """`is_issued`: whether this run issues the document (R-37); an adjustment goes with the contract's next period invoice, or, where
    none will come, when its period has closed (R-43)."""
    is_due = (pl.col("due_from") <= as_of).fill_null(value=False)
    billed = (
        headers.filter(is_due, pl.col("kind") == "period")
        .select("contract_id")
        .unique()
        .with_columns(is_billed=pl.lit(value=True))
    )
    to_come = (
        periods.join(originals, on=PERIOD, how="anti").select("contract_id").unique().with_columns(goes_on=pl.lit(value=True))
    )
    closed = originals.filter("is_closed").select(adjusts_invoice_id="original_id", has_closed=pl.lit(value=True))
    joined = (
        headers.join(billed, on="contract_id", how="left", maintain_order="left")
        .join(to_come, on="contract_id", how="left", maintain_order="left")
        .join(closed, on="adjusts_invoice_id", how="left", maintain_order="left")
    )
    is_last = pl.col("has_closed").fill_null(value=False) & ~pl.col("goes_on").fill_null(value=False)
    is_adjustment_due = pl.col("is_billed").fill_null(value=False) | is_last
    return joined.with_columns(
        is_issued=pl.when(pl.col("kind") == "adjustment").then(is_adjustment_due).otherwise(is_due) & pl.lit(issue)
    ).drop("is_billed", "goes_on", "has_closed", "due_from")


def _lines_now(books: Books, schedule: Schedule, periods: pl.DataFrame, rated: UsageLines) -> pl.DataFrame:
    """Usage and fee lines of the periods as they are now, with what makes them the same line on another day."""
    fees = fee_lines(books, schedule, periods, rated.lines.group_by(PERIOD).agg(usage_units=pl.col("amount_units").sum()))
    usage = rated.lines.with_columns(kind=pl.lit("usage"), rank=pl.col("line").cast(pl.Int64))
    dated = fees.with_columns(
        pl.col("rank").cast(pl.Int64), price_from=pl.col("period_start"), event_count=pl.lit(0, dtype=pl.Int64)
    )
    return pl.concat([usage, dated], how="diagonal_relaxed")


def _on(headers: pl.DataFrame, lines: pl.DataFrame) -> pl.DataFrame:
    """Lines beside the id of their document."""
    return lines.join(headers.select("invoice_id", *PERIOD), on=PERIOD, maintain_order="left").drop(PERIOD)


def _on_originals(headers: pl.DataFrame, differing: pl.DataFrame) -> pl.DataFrame:
    return differing.join(
        headers.select("invoice_id", original_id="adjusts_invoice_id"), on="original_id", maintain_order="left"
    ).drop(PERIOD)


@dataclass(frozen=True, slots=True)
class _CarriedOver:
    headers: pl.DataFrame
    lines: pl.DataFrame
    shares: pl.DataFrame


def _carried_over(pending: Documents | None, closed: pl.DataFrame, issued: Documents) -> _CarriedOver:
    """Draft adjustments of periods that have closed since: their last figures stay, only their draws are still to be made."""
    before = pending if pending is not None else Documents.none()
    invoices = _not_issued(before.invoices.filter(pl.col("kind") == "adjustment"), issued).join(
        closed.select("minor_digits", "original_id"), left_on="adjusts_invoice_id", right_on="original_id"
    )
    lines = before.lines.join(
        invoices.select("invoice_id", "minor_digits", original_id="adjusts_invoice_id"), on="invoice_id"
    ).with_columns(
        amount_units=exact.physical("amount") // exact.money_per_minor(),
        combination=combinations.key(pl.col("group_values")),
        rank=pl.col("line_no").cast(pl.Int64),
    )
    shares = before.shares.join(
        lines.select("invoice_id", "line_no", "minor_digits", *SAME_LINE), on=["invoice_id", "line_no"]
    ).with_columns(share_units=exact.physical("amount") // exact.money_per_minor())
    return _CarriedOver(
        invoices.with_columns(due_from=pl.lit(None, dtype=tables.INSTANT)).select(HEADER),
        lines.drop("line_no", "amount", "credits_applied"),
        shares.select(*SAME_LINE, "window_start", "window_end", "share_units"),
    )


# --- credits ----------------------------------------------------------------------------------------------------------------


def _shares(lines: pl.DataFrame, fresh: pl.DataFrame, moved: pl.DataFrame, carried: pl.DataFrame) -> pl.DataFrame:
    """Shares of every usage line of the run: line_id, window_start, window_end, share_units."""
    new = lines.filter(pl.col("adjusts_invoice_id").is_null()).select("line_id", "line").join(fresh, on="line").drop("line")
    adjusted = lines.filter(pl.col("adjusts_invoice_id").is_not_null()).select("line_id", *SAME_LINE)
    grown = adjusted.join(pl.concat([moved, carried.select(moved.columns)]), on=SAME_LINE, nulls_equal=True).select(new.columns)
    return pl.concat([new, grown]).sort("line_id", "window_start")


def _purse(
    books: Books, issued: Documents, headers: pl.DataFrame, periods: pl.DataFrame, as_of: datetime, issue: bool
) -> pl.DataFrame:
    """The wallet, with `is_lapsing`: what lapses with this run; nothing does where nothing is issued (R-32)."""
    is_period = pl.col("kind") == "period"
    billed = pl.concat(
        [issued.invoices.filter(is_period).select(PERIOD), headers.filter(is_period, "is_issued").select(PERIOD)]
    )
    wallet = drawdown.wallet(books, issued.ledger, as_of)
    lapsing = ledger.lapsing(wallet, billed, periods, as_of).with_columns(is_lapsing=pl.lit(issue))
    return wallet.join(lapsing, on="grant_id", how="left", maintain_order="left").with_columns(
        pl.col("is_lapsing").fill_null(value=False)
    )


def _claims(
    lines: pl.DataFrame, shares: pl.DataFrame, headers: pl.DataFrame, windows: pl.DataFrame, books: Books
) -> pl.DataFrame:
    """What usage lines ask of credits: every positive share of every line that is owed (R-30)."""
    windowed = books.meters.select("meter_code", is_windowed=pl.col("aggregation").is_in(WINDOWED))
    of_lines = lines.filter(pl.col("kind") == "usage", pl.col("amount_units") > 0).select(
        "line_id", "document_no", "contract_id", "line_no", "meter_code", "is_issued", line_units="amount_units"
    )
    last_windows = windows.filter(pl.col("window_end") == pl.col("period_end")).select(
        "contract_id", "window_end", last_window="window_start"
    )
    return (
        shares.filter(pl.col("share_units") > 0)
        .join(of_lines, on="line_id")
        .join(windowed, on="meter_code")
        .join(headers.select("document_no", "period_start"), on="document_no", how="left", maintain_order="left")
        .join(last_windows, on=["contract_id", "window_end"], how="left")
        .with_columns(
            # what is rated over the whole period accrues at its last instant, so in the period's last window
            accrues_from=pl.when("is_windowed").then("window_start").otherwise("last_window"),
            accrues_to=pl.col("window_end"),
        )
        .sort("contract_id", "period_start", "accrues_from", "line_no")
        .with_row_index("claim")
        .select(
            "claim",
            "document_no",
            "contract_id",
            "meter_code",
            "accrues_from",
            "accrues_to",
            "is_issued",
            "line_units",
            line="line_id",
            open_units="share_units",
        )
    )


def _returns(
    lines: pl.DataFrame, issued: Documents, before: pl.DataFrame, purse: pl.DataFrame, as_of: datetime
) -> pl.DataFrame:
    negative = lines.filter(pl.col("adjusts_invoice_id").is_not_null(), pl.col("kind") == "usage", pl.col("amount_units") < 0)
    back = adjustments.returns(negative, issued, before, purse, as_of)
    return back.join(lines.select("line_id", "document_no"), on="line_id")


def _as_entries(
    lines: pl.DataFrame,
    drawing: Drawing,
    purse: pl.DataFrame,
    headers: pl.DataFrame,
    as_of: datetime,
    issue: bool,
) -> pl.DataFrame:
    documents = headers.select("document_no", "invoice_id", "period_end", "is_issued", "kind")
    at = pl.when(pl.col("kind") == "adjustment").then(pl.lit(as_of, dtype=tables.INSTANT)).otherwise("period_end")

    def moves(made: pl.DataFrame, entry_type: str) -> pl.DataFrame:
        return (
            made.join(lines.select("line_id", "line_no"), on="line_id")
            .join(documents, on="document_no")
            .with_columns(type=pl.lit(entry_type), occurred_at=at, is_posted=pl.col("is_issued"))
            .select(ledger.MOVEMENT)
        )

    movements = pl.concat(
        [ledger.grant_movements(purse, as_of, issue), moves(drawing.returns, "reversal"), moves(drawing.draws, "usage")]
    )
    movements = pl.concat([movements, ledger.expirations(purse, movements)])
    return ledger.entries(movements, purse, as_of)


# --- rows of the documents --------------------------------------------------------------------------------------------------


def _as_invoice_lines(lines: pl.DataFrame, drawing: Drawing) -> pl.DataFrame:
    moved = pl.concat([drawing.draws, drawing.returns]).group_by("line_id").agg(paid_units=integer(0) - pl.col("units").sum())
    money = exact.money_per_minor()
    return tables.INVOICE_LINES.frame(
        lines.join(moved, on="line_id", how="left", maintain_order="left").with_columns(
            amount=exact.decimal(pl.col("amount_units") * money, tables.MONEY),
            credits_applied=exact.decimal(pl.col("paid_units").fill_null(integer(0)) * money, tables.MONEY),
            event_count=pl.col("event_count").fill_null(0),
        )
    )


def _as_tier_charges(lines: pl.DataFrame, rated: UsageLines) -> pl.DataFrame:
    own = lines.filter(pl.col("adjusts_invoice_id").is_null(), pl.col("line").is_not_null())
    return tables.TIER_CHARGES.frame(rated.tiers.join(own.select("line", "invoice_id", "line_no"), on="line"))


def _as_line_shares(lines: pl.DataFrame, shares: pl.DataFrame) -> pl.DataFrame:
    placed = shares.join(lines.select("line_id", "invoice_id", "line_no", "minor_digits"), on="line_id")
    return tables.LINE_SHARES.frame(
        placed.with_columns(amount=exact.decimal(pl.col("share_units") * exact.money_per_minor(), tables.MONEY)).sort(
            "invoice_id", "line_no", "window_start"
        )
    )
