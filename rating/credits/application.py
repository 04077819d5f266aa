"""Credits of a run: what they give back, what they pay, and the ledger entries that say so (R-30 to R-35, R-44)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import polars as pl

from rating import tables
from rating.arithmetic import exact
from rating.catalog import Catalog
from rating.credits import drawdown, ledger
from rating.credits.settlement import Drawing, settle_credits
from rating.documents import Documents
from rating.invoicing import adjustments
from rating.schedule import Schedule, in_force
from rating.vocabulary import FEES, WINDOWED

PERIOD = ["contract_id", "period_start"]


@dataclass(frozen=True, slots=True)
class Credits:
    """draws, returns: what moved, by line_id and grant_id (`units`, minor units, signed). entries: RATED_ENTRIES."""

    draws: pl.DataFrame
    returns: pl.DataFrame
    entries: pl.DataFrame


def apply_credits(
    catalog: Catalog,
    schedule: Schedule,
    headers: pl.DataFrame,
    lines: pl.DataFrame,
    shares: pl.DataFrame,
    issued: Documents,
    issued_lines: pl.DataFrame,
    as_of: datetime,
    *,
    issue: bool,
) -> Credits:
    """Pay what credits can pay of a run.

    headers: DOCUMENT_HEADERS with document_no, is_issued. lines: DOCUMENT_CHARGES with line_id, line_no and document_no, contract_id,
    is_issued, adjusts_invoice_id of their document. shares: line_id, window_start, window_end, share_units. issued_lines: as
    `adjustments.issued_lines`.
    """
    periods = schedule.periods.filter(pl.col("period_start") <= as_of)
    grants = _grants_in_force(catalog, issued, headers, periods, as_of, issue)
    drawing = settle_credits(
        _credit_eligible_amounts(lines, shares, headers, schedule, grants, catalog),
        _returns(lines, issued, issued_lines, grants, as_of),
        headers.select("document_no", "contract_id", "period_start", "is_issued"),
        grants,
    )
    return Credits(drawing.draws, drawing.returns, _entries(lines, drawing, grants, headers, as_of, issue))


def _grants_in_force(
    catalog: Catalog, issued: Documents, headers: pl.DataFrame, periods: pl.DataFrame, as_of: datetime, issue: bool
) -> pl.DataFrame:
    """Every effective grant with what it holds, and `is_expiring`: whether its rest expires with this run; none does where nothing is
    issued (R-32)."""
    is_period = pl.col("kind") == "period"
    billed = pl.concat(
        [issued.invoices.filter(is_period).select(PERIOD), headers.filter(is_period, "is_issued").select(PERIOD)]
    )
    balances = drawdown.grant_balances(catalog, issued.ledger, as_of)
    expiring = ledger.expiring(balances, billed, periods, as_of).with_columns(is_expiring=pl.lit(issue))
    return balances.join(expiring, on="grant_id", how="left", maintain_order="left").with_columns(
        pl.col("is_expiring").fill_null(value=False)
    )


def _credit_eligible_amounts(
    lines: pl.DataFrame,
    shares: pl.DataFrame,
    headers: pl.DataFrame,
    schedule: Schedule,
    grants: pl.DataFrame,
    catalog: Catalog,
) -> pl.DataFrame:
    """What lines ask of credits: every positive share of every usage line that is owed (R-30), none beyond a maximum (R-105); and fees
    of contracts with grants that pay them, after usage (R-112)."""
    windows = schedule.windows
    windowed = catalog.meters.select("meter_code", is_windowed=pl.col("aggregation").is_in(WINDOWED))
    of_lines = lines.filter(pl.col("kind") == "usage", pl.col("amount_units") > 0).select(
        "line_id", "document_no", "contract_id", "line_no", "meter_code", "is_issued", line_units="amount_units"
    )
    last_windows = windows.select("contract_id", "window_end", last_window="window_start")
    usage = (
        shares.filter(pl.col("share_units") > 0)
        .join(of_lines, on="line_id")
        .join(windowed, on="meter_code")
        .join(headers.select("document_no", "period_start"), on="document_no", how="left", maintain_order="left")
        .join(last_windows, on=["contract_id", "window_end"], how="left")
        .with_columns(
            # what is kept per plan interval accrues at its last instant, so in the interval's last window
            accrues_from=pl.when("is_windowed").then("window_start").otherwise(pl.coalesce("last_window", "window_start")),
            accrues_to=pl.col("window_end"),
            is_fee=pl.lit(value=False),
        )
        .rename({"line_id": "line", "share_units": "open_units"})
        .select(_CLAIM)
        .sort("contract_id", "document_no", "accrues_from", "line_no")
    )
    fees = _fees_that_credits_pay(lines, headers, windows, grants)
    claims = _within_maximum(usage, lines, schedule)
    if fees.height:
        claims = pl.concat([claims, fees]).sort("contract_id", "document_no", "is_fee", "accrues_from", "line_no")
    return claims.drop("period_start", "line_no").with_row_index("claim")


_CLAIM = [
    "document_no",
    "contract_id",
    "meter_code",
    "accrues_from",
    "accrues_to",
    "is_issued",
    "line_units",
    "line",
    "open_units",
    "is_fee",
    "period_start",
    "line_no",
]


def _fees_that_credits_pay(
    lines: pl.DataFrame, headers: pl.DataFrame, windows: pl.DataFrame, grants: pl.DataFrame
) -> pl.DataFrame:
    """Fees and minimums of contracts with a grant that covers all; they accrue in the last window of their period (R-112)."""
    payers = grants.filter(pl.col("covers_fees").fill_null(value=False)).select("contract_id").unique()
    ends = headers.select("document_no", "period_start", "period_end")
    last_windows = windows.filter(pl.col("window_end") == pl.col("period_end")).select(
        "contract_id", "period_end", last_window="window_start"
    )
    return (
        lines.filter(pl.col("kind").is_in(FEES), pl.col("amount_units") > 0)
        .join(payers, on="contract_id", how="semi", maintain_order="left")
        .join(ends, on="document_no", how="left", maintain_order="left")
        .join(last_windows, on=["contract_id", "period_end"], how="left", maintain_order="left")
        .with_columns(
            accrues_from=pl.coalesce("last_window", "period_start"),
            accrues_to="period_end",
            is_fee=pl.lit(value=True),
            line_units="amount_units",
            open_units="amount_units",
            line="line_id",
        )
        .select(_CLAIM)
    )


def _within_maximum(claims: pl.DataFrame, lines: pl.DataFrame, schedule: Schedule) -> pl.DataFrame:
    """The claims in their order, without what a `maximum_spend` line of their document gives back: the last of what has accrued in
    windows with a maximum (R-105)."""
    given_back = _of_maximum(lines.filter(pl.col("amount_units") < 0))
    if given_back.is_empty():
        return claims
    bounded = schedule.terms.filter(pl.col("maximum_spend").is_not_null()).select("contract_id", "valid_from", "valid_to")
    numbered = claims.with_row_index("nth")
    beyond = (
        numbered.select("nth", "document_no", "contract_id", "accrues_from", "open_units")
        .join(given_back, on="document_no")
        .join(bounded, on="contract_id")
        .filter(in_force("accrues_from"))
        .sort("nth")
    )
    cut = _first_of(beyond, "open_units").select("nth", "left_units")
    return (
        numbered.join(cut, on="nth", how="left", maintain_order="left")
        .with_columns(open_units=pl.coalesce("left_units", "open_units"))
        .filter(pl.col("open_units") > 0)
        .drop("nth", "left_units")
    )


def _of_maximum(lines: pl.DataFrame) -> pl.DataFrame:
    """What `maximum_spend` lines come to, without their sign: document_no, `beyond`."""
    return lines.filter(pl.col("kind") == "maximum_spend").select("document_no", beyond=pl.col("amount_units").abs())


def _first_of(rows: pl.DataFrame, units: str) -> pl.DataFrame:
    """The rows with `left_units`: their units (> 0) without the last `beyond` of their document's, in the order of the rows."""
    end = pl.col(units).cum_sum().over("document_no")
    room = pl.col(units).sum().over("document_no") - pl.col("beyond")
    too_far = pl.max_horizontal(end - room, exact.int128(0))
    return rows.with_columns(left_units=pl.max_horizontal(pl.col(units) - too_far, exact.int128(0)))


def _returns(
    lines: pl.DataFrame, issued: Documents, issued_lines: pl.DataFrame, grants: pl.DataFrame, as_of: datetime
) -> pl.DataFrame:
    """What negative lines of adjustments give back (R-44); nothing for usage that lay beyond a maximum (R-105)."""
    can_be_paid = (pl.col("kind") == "usage") | pl.col("kind").is_in(FEES)
    of_adjustments = lines.filter(pl.col("adjusts_invoice_id").is_not_null())
    negative = of_adjustments.filter(can_be_paid, pl.col("amount_units") < 0)
    beyond = _of_maximum(of_adjustments.filter(pl.col("amount_units") > 0))
    if beyond.height:
        usage = negative.filter(pl.col("kind") == "usage").join(beyond, on="document_no").sort("line_id")
        cut = _first_of(usage.with_columns(less=pl.col("amount_units").abs()), "less").select("line_id", "left_units")
        negative = negative.join(cut, on="line_id", how="left", maintain_order="left").with_columns(
            amount_units=pl.coalesce(exact.int128(0) - pl.col("left_units"), "amount_units")
        )
    back = adjustments.returns(negative, issued, issued_lines, grants, as_of)
    return back.join(lines.select("line_id", "document_no"), on="line_id")


def _entries(
    lines: pl.DataFrame,
    drawing: Drawing,
    grants: pl.DataFrame,
    headers: pl.DataFrame,
    as_of: datetime,
    issue: bool,
) -> pl.DataFrame:
    documents = headers.select("document_no", "invoice_id", "period_end", "is_issued", "kind", document_start="period_start")
    at = pl.when(pl.col("kind") == "adjustment").then(pl.lit(as_of, dtype=tables.INSTANT)).otherwise("period_end")

    def moves(made: pl.DataFrame, entry_type: str) -> pl.DataFrame:
        return (
            made.join(lines.select("line_id", "line_no"), on="line_id")
            .join(documents, on="document_no")
            .with_columns(
                type=pl.lit(entry_type),
                occurred_at=at,
                is_posted=pl.col("is_issued"),
                other_grant_id=pl.lit(None, dtype=pl.String),
            )
            .select(ledger.MOVEMENT)
        )

    movements = pl.concat(
        [
            ledger.grant_movements(grants, as_of, issue),
            moves(drawing.returns, "reversal"),
            moves(drawing.draws, "usage"),
            ledger.rollovers(drawing.rollovers),
        ]
    )
    movements = pl.concat([movements, ledger.expirations(grants, movements)])
    return ledger.entries(movements, grants, as_of)
