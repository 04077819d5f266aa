"""Credits of a run: what they give back, what they pay, and the ledger entries that say so (R-30 to R-35, R-44)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import polars as pl

from rating import tables
from rating.catalog import Catalog
from rating.credits import drawdown, ledger
from rating.credits.settlement import Drawing, settle_credits
from rating.documents import Documents
from rating.invoicing import adjustments
from rating.schedule import Schedule
from rating.vocabulary import WINDOWED

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
    """Pay the usage lines of a run.

    headers: DOCUMENT_HEADERS with document_no, is_issued. lines: DOCUMENT_CHARGES with line_id, line_no and document_no, contract_id,
    is_issued, adjusts_invoice_id of their document. shares: line_id, window_start, window_end, share_units. issued_lines: as
    `adjustments.issued_lines`.
    """
    periods = schedule.periods.filter(pl.col("period_start") <= as_of)
    grants = _grants_in_force(catalog, issued, headers, periods, as_of, issue)
    drawing = settle_credits(
        _credit_eligible_amounts(lines, shares, headers, schedule.windows, catalog),
        _returns(lines, issued, issued_lines, grants, as_of),
        headers.select("document_no", "contract_id"),
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
    lines: pl.DataFrame, shares: pl.DataFrame, headers: pl.DataFrame, windows: pl.DataFrame, catalog: Catalog
) -> pl.DataFrame:
    """What usage lines ask of credits: every positive share of every line that is owed (R-30)."""
    windowed = catalog.meters.select("meter_code", is_windowed=pl.col("aggregation").is_in(WINDOWED))
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
    lines: pl.DataFrame, issued: Documents, issued_lines: pl.DataFrame, grants: pl.DataFrame, as_of: datetime
) -> pl.DataFrame:
    negative = lines.filter(pl.col("adjusts_invoice_id").is_not_null(), pl.col("kind") == "usage", pl.col("amount_units") < 0)
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
            .with_columns(type=pl.lit(entry_type), occurred_at=at, is_posted=pl.col("is_issued"))
            .select(ledger.MOVEMENT)
        )

    movements = pl.concat(
        [ledger.grant_movements(grants, as_of, issue), moves(drawing.returns, "reversal"), moves(drawing.draws, "usage")]
    )
    movements = pl.concat([movements, ledger.expirations(grants, movements)])
    return ledger.entries(movements, grants, as_of)
