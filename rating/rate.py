"""Rating: what is known now of some contracts becomes documents (law 1), in the order of sections 5 to 9 of the specification.

Nightly run, backfill, dry run, estimate and what-if are `rate_shard` with other arguments. Pure: no file, no clock, no
environment; and no number, date of issue or hash: these are given by `issue`, the only step that looks across contracts (law 4).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

import polars as pl

from rating import tables
from rating.catalog import Catalog
from rating.credits.application import apply_credits
from rating.documents import Documents, Rated
from rating.fees.advance import advance_lines, fees_in_advance, first_fees
from rating.fees.commitments import OF_PERIODS, commitment_lines, commitments_due, periods_counted
from rating.fees.initial import initial_lines
from rating.fees.manual import manual_lines
from rating.fees.recurring import fee_lines
from rating.invoicing import adjustments
from rating.invoicing.adjustments import SAME_LINE, Adjustments
from rating.invoicing.assembly import build_documents, numbered_lines
from rating.invoicing.headers import initial_headers, period_headers
from rating.invoicing.issue import issue_documents, last_number
from rating.schedule import Schedule
from rating.usage.lines import UsageLines, usage_lines

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
    catalog: Catalog,
    schedule: Schedule,
    usage: pl.DataFrame,
    issued: Documents,
    as_of: datetime,
    *,
    months: Months = EVERY_MONTH,
    issue: bool = True,
    pending: Documents | None = None,
) -> Documents:
    """Rate all contracts in one shard and issue what is due: `rate_shard`, then `issue_documents`. Same arguments, same errors."""
    rated = rate_shard(catalog, schedule, usage, issued, as_of, months=months, issue=issue, pending=pending)
    return issue_documents([rated], as_of, last_number(issued))


def rate_shard(
    catalog: Catalog,
    schedule: Schedule,
    usage: pl.DataFrame,
    issued: Documents,
    as_of: datetime,
    *,
    months: Months = EVERY_MONTH,
    issue: bool = True,
    pending: Documents | None = None,
) -> Rated:
    """Rate every period and initial day that is not issued yet, and rate again what was issued and is not closed.

    catalog, schedule: of any set of contracts. usage: USAGE of these, as known at as_of. issued: every document issued to them so far;
    lines and shares at least of those that `adjustments.lines_in_play` names. months: of the documents to rate. issue: False where
    nothing is to be issued or posted. pending: their draft adjustments of the run before, for periods that have closed since (R-43).
    Out: the documents that this run drafts or issues; what was issued before is not repeated.
    Raises `exact.AmountOverflow` (R-2) naming contracts and rows.
    """
    due = _documents_due(catalog, schedule, issued, as_of, months)  # sections 5 and 8: what there is to bill
    charges = _charges(catalog, schedule, due, usage, issued, pending)  # section 6: what it costs
    late = _adjustments(catalog, schedule, due, charges, issued, pending)  # section 9: what differs from what was issued
    headers = _headers(due, late, as_of, issue=issue)  # section 8: documents and their lines
    lines = _lines(headers, due, charges, late)
    shares = _shares(lines, charges.usage, late)
    paid = apply_credits(  # section 7: what credits pay of them
        catalog, schedule, headers, lines, shares, issued, late.issued_lines, as_of, issue=issue
    )
    documents = build_documents(catalog, schedule, headers, lines, shares, charges.usage.tiers, paid)
    return replace(documents, periods=tables.RATED_PERIODS.frame(due.rated), unbilled=late.unbilled)


# --- sections 5 and 8: what there is to bill -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Due:
    """What a run rates.

    periods: PERIODS begun by as_of. period_headers, initial_headers: DOCUMENT_HEADERS not issued yet. initial_lines: CHARGES.
    originals: issued periods, as `adjustments.issued_periods` has them; again: those of them that are rated again.
    rated: PERIODS whose usage and fees are rated, first or again. advance_fees: as `fees_in_advance`.
    """

    periods: pl.DataFrame
    period_headers: pl.DataFrame
    initial_headers: pl.DataFrame
    initial_lines: pl.DataFrame
    originals: pl.DataFrame
    again: pl.DataFrame
    rated: pl.DataFrame
    advance_fees: pl.DataFrame


def _documents_due(catalog: Catalog, schedule: Schedule, issued: Documents, as_of: datetime, months: Months) -> _Due:
    of_months = months.hold(pl.col("month"))
    periods = schedule.periods.filter(pl.col("period_start") <= as_of)
    of_periods = adjustments.not_issued(period_headers(catalog, periods), issued).filter(of_months)
    originals = adjustments.issued_periods(issued, catalog, as_of)
    in_advance = fees_in_advance(catalog, schedule)
    on_days = initial_lines(catalog, schedule, first_fees(in_advance, schedule.serviced, originals), issued, as_of)
    again = originals.filter(~pl.col("is_closed"), of_months)
    return _Due(
        periods=periods,
        period_headers=of_periods,
        initial_headers=initial_headers(catalog, on_days, issued).filter(of_months),
        initial_lines=tables.CHARGES.frame(on_days),
        originals=originals,
        again=again,
        rated=periods.join(
            pl.concat([of_periods.select(PERIOD), again.select(PERIOD)]), on=PERIOD, how="semi", maintain_order="left"
        ),
        advance_fees=in_advance,
    )


# --- section 6: what it costs --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Charges:
    """lines: CHARGES of the rated periods; usage: the usage lines among them, with their shares and tiers."""

    lines: pl.DataFrame
    usage: UsageLines


def _charges(
    catalog: Catalog, schedule: Schedule, due: _Due, usage: pl.DataFrame, issued: Documents, pending: Documents | None
) -> _Charges:
    closed = due.originals.filter("is_closed")
    committed = commitments_due(catalog, due.rated)
    counted = periods_counted(committed, due.periods, closed.select(PERIOD))
    costed = _and_those_counted(due, counted)
    used = usage_lines(catalog, schedule, costed, usage)
    by_window = committed.height > 0 or schedule.terms.get_column("maximum_spend").count() > 0
    accrued = _accrued(used, by_window=by_window)
    billed = adjustments.billed_in_advance(issued, pending, due.originals, catalog.contracts)
    lines = pl.concat(
        [
            used.lines,
            fee_lines(catalog, schedule, costed, accrued),
            advance_lines(due.advance_fees, due.periods, due.rated, due.originals, billed),
            manual_lines(catalog, costed),
        ]
    )
    if committed.is_empty():
        return _Charges(lines, used)
    of_closed = closed.join(committed.select("contract_id").unique(), on="contract_id", how="semi")
    so_far = pl.concat([_accruals(accrued, lines, due.periods), adjustments.accruals_of_closed(issued, pending, of_closed)])
    lines = lines.join(due.rated.select(PERIOD), on=PERIOD, how="semi", maintain_order="left")
    return _Charges(pl.concat([lines, commitment_lines(catalog, committed, so_far)]), used)


def _and_those_counted(due: _Due, counted: pl.DataFrame) -> pl.DataFrame:
    """PERIODS that are rated, and those whose usage a commitment counts."""
    if counted.is_empty():
        return due.rated
    wanted = pl.concat([due.rated.select(PERIOD), counted.select(PERIOD)]).unique()
    return due.periods.join(wanted, on=PERIOD, how="semi", maintain_order="left")


def _accrued(used: UsageLines, *, by_window: bool) -> pl.DataFrame:
    """What usage lines come to: contract_id, period_start, kind, meter_code, accrued_by, units; `accrued_by`, the end of the window in
    which it accrues, is null where nothing asks for it."""
    of_lines = ["contract_id", "period_start", "kind", "meter_code"]
    if not by_window:
        return used.lines.select(
            *of_lines, pl.lit(None, dtype=tables.INSTANT).alias("accrued_by"), pl.col("amount_units").alias("units")
        )
    return used.shares.join(used.lines.select("line", *of_lines), on="line").select(
        *of_lines, accrued_by="window_end", units="share_units"
    )


def _accruals(accrued: pl.DataFrame, lines: pl.DataFrame, periods: pl.DataFrame) -> pl.DataFrame:
    """What periods that are rated charge towards commitments: contract_id, kind, meter_code, accrued_by, units."""
    of_periods = lines.filter(pl.col("kind").is_in(OF_PERIODS)).join(periods.select(*PERIOD, "period_end"), on=PERIOD)
    columns = ["contract_id", "kind", "meter_code", "accrued_by", "units"]
    return pl.concat(
        [accrued.select(columns), of_periods.rename({"period_end": "accrued_by", "amount_units": "units"}).select(columns)]
    )


# --- section 9: what differs from what was issued ------------------------------------------------------------------------------


def _adjustments(
    catalog: Catalog, schedule: Schedule, due: _Due, charges: _Charges, issued: Documents, pending: Documents | None
) -> Adjustments:
    issued_lines = adjustments.issued_lines(issued, due.originals)
    differences = adjustments.line_differences(charges.lines, issued_lines, due.again)
    deltas = adjustments.in_invoice_order(adjustments.line_deltas(differences), catalog, schedule)
    current_shares = charges.usage.shares.join(
        charges.lines.filter(pl.col("kind") == "usage").select("line", *PERIOD, *SAME_LINE[1:]), on="line"
    ).join(due.again.select("original_id", *PERIOD), on=PERIOD)
    moved = adjustments.share_deltas(current_shares, deltas, issued, issued_lines, schedule.windows, catalog.meters)
    carried = adjustments.carried_drafts(pending, due.originals.filter("is_closed"), issued)
    return Adjustments(
        headers=pl.concat([adjustments.headers(deltas, due.again, issued), carried.headers]),
        lines=pl.concat([adjustments.LINES.frame(deltas), carried.lines]),
        shares=pl.concat([moved, carried.shares]),
        issued_lines=issued_lines,
        unbilled=adjustments.unbilled_usage(differences),
    )


# --- section 8: documents and their lines --------------------------------------------------------------------------------------


def _headers(due: _Due, late: Adjustments, as_of: datetime, *, issue: bool) -> pl.DataFrame:
    """DOCUMENT_HEADERS of the run with `document_no` (documents of a contract settle in its order) and `is_issued`."""
    headers = pl.concat([due.period_headers, due.initial_headers, late.headers])
    return (
        adjustments.mark_due(headers, due.originals, due.periods, as_of, issue=issue)
        .sort("period_start", "invoice_id")
        .with_row_index("document_no")
    )


def _lines(headers: pl.DataFrame, due: _Due, charges: _Charges, late: Adjustments) -> pl.DataFrame:
    """DOCUMENT_CHARGES in their order on each document, with line_id, line_no and, of their document, document_no, contract_id,
    is_issued and adjusts_invoice_id (R-38)."""
    of_originals = late.headers.select("invoice_id", original_id="adjusts_invoice_id")
    on_documents = pl.concat(
        [
            _billed_on(due.period_headers, charges.lines),
            _billed_on(due.initial_headers, due.initial_lines),
            tables.DOCUMENT_CHARGES.frame(late.lines.join(of_originals, on="original_id", maintain_order="left")),
        ]
    )
    of_documents = headers.select("invoice_id", "document_no", "contract_id", "is_issued", "adjusts_invoice_id")
    return (
        numbered_lines(on_documents)
        .with_row_index("line_id")
        .join(of_documents, on="invoice_id", how="left", maintain_order="left")
    )


def _billed_on(headers: pl.DataFrame, charges: pl.DataFrame) -> pl.DataFrame:
    """CHARGES of the documents' periods or days as DOCUMENT_CHARGES."""
    return tables.DOCUMENT_CHARGES.frame(
        charges.join(headers.select("invoice_id", *PERIOD), on=PERIOD, maintain_order="left").drop(PERIOD)
    )


def _shares(lines: pl.DataFrame, used: UsageLines, late: Adjustments) -> pl.DataFrame:
    """Shares of every usage line of the run: line_id, window_start, window_end, share_units."""
    is_original = pl.col("adjusts_invoice_id").is_null()
    new = lines.filter(is_original).select("line_id", "line").join(used.shares, on="line").drop("line")
    adjusted = lines.filter(~is_original).select("line_id", *SAME_LINE)
    grown = adjusted.join(late.shares, on=SAME_LINE, nulls_equal=True).select(new.columns)
    return pl.concat([new, grown]).sort("line_id", "window_start")
