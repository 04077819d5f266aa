"""Issued periods rated again: what differs goes on an adjustment, and what it takes back returns the credits (R-42 to R-45).

Nothing here rates: lines as they are now come from the same functions as any other, and what was issued is compared with them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

import polars as pl

from rating import tables
from rating.arithmetic import exact
from rating.arithmetic.allocation import allocate_to_bands
from rating.arithmetic.exact import int128
from rating.calendar import first_instants, local_dates
from rating.catalog import Catalog
from rating.documents import Documents
from rating.invoicing.headers import HEADER, invoice_id
from rating.schedule import Schedule
from rating.usage import combinations
from rating.usage.rateable_usage import pricing_ranks
from rating.vocabulary import DRAWN, WINDOWED

PERIOD = ["contract_id", "period_start"]
# what makes a line now and a line issued the same line
SAME_LINE = ["original_id", "kind", "pricing_code", "combination", "price_from", "service_start"]


# a line of an adjustment, wherever it comes from
LINES = tables.Table(
    "adjustment_lines",
    tables.LINE_DELTAS.grain,
    tables.LINE_DELTAS.key,
    tuple(column for column in tables.LINE_DELTAS.columns if column.name not in PERIOD),
)


@dataclass(frozen=True, slots=True)
class Adjustments:
    """Adjustments of a run: DOCUMENT_HEADERS, their LINES, shares that grew or shrank (SAME_LINE, window_start, window_end,
    share_units); and `issued_lines` of what they correct. unbilled: UNBILLED_USAGE, what differs and is on none of them."""

    headers: pl.DataFrame
    lines: pl.DataFrame
    shares: pl.DataFrame
    issued_lines: pl.DataFrame
    unbilled: pl.DataFrame


def issued_periods(issued: Documents, catalog: Catalog, as_of: datetime) -> pl.DataFrame:
    """Issued `period` invoices: original_id, contract_id, customer_id, period_start, period_end, start_date, month, minor_digits,
    issued_at, `closes_at` and `is_closed`: whether rerate_days after its end are over (R-45)."""
    rows = issued.invoices.filter(pl.col("kind") == "period").join(
        catalog.contracts.select("contract_id", "timezone", "minor_digits"), on="contract_id", how="left", maintain_order="left"
    )
    zones = rows.get_column("timezone")
    closing_date = local_dates(rows.get_column("period_end"), zones).dt.offset_by(f"{catalog.rerate_days}d")
    return (
        rows.with_columns(
            local_dates(rows.get_column("period_start"), zones).alias("start_date"),
            first_instants(closing_date, zones).alias("closes_at"),
        )
        .with_columns(is_closed=pl.col("closes_at") <= as_of)
        .select(
            "contract_id",
            "customer_id",
            "period_start",
            "period_end",
            "start_date",
            "month",
            "minor_digits",
            "issued_at",
            "closes_at",
            "is_closed",
            original_id="invoice_id",
        )
    )


def lines_in_play(issued: Documents, catalog: Catalog, as_of: datetime, pending: Documents | None) -> pl.Series:
    """invoice_ids of issued documents whose lines and shares `rate_shard` reads (law 8): initial ones, those of periods that are not
    closed or have an adjustment that waits, and all of contracts with a commitment, which counts what was charged (R-106).

    issued: INVOICES of every document issued so far. Beside these, lines billed in advance are read, whatever document they are on.
    """
    open_periods = issued_periods(issued, catalog, as_of).filter(~pl.col("is_closed")).get_column("original_id")
    waiting = tables.INVOICES.empty() if pending is None else pending.invoices
    corrected = pl.concat([open_periods, waiting.get_column("adjusts_invoice_id").drop_nulls()])
    committed = catalog.commitments.get_column("contract_id").unique()
    original = pl.coalesce("adjusts_invoice_id", "invoice_id")
    return issued.invoices.filter(
        (pl.col("kind") == "initial") | original.is_in(corrected.implode()) | pl.col("contract_id").is_in(committed.implode())
    ).get_column("invoice_id")


def unbilled_usage(differences: pl.DataFrame) -> pl.DataFrame:
    """UNBILLED_USAGE: usage that differs where no amount does, so that no document corrects it (R-42).

    differences: as `line_differences` has them.
    """
    return tables.UNBILLED_USAGE.frame(
        differences.filter(pl.col("kind") == "usage", pl.col("amount_units") == 0)
        .group_by(*PERIOD, "meter_code")
        .agg(
            exact.decimal(exact.as_int128("quantity").sum(), tables.QUANTITY).alias("quantity"),
            pl.col("event_count").sum(),
        )
        .filter((pl.col("quantity") != 0) | (pl.col("event_count") != 0))
        .sort(*PERIOD, "meter_code")
    )


def line_deltas(differences: pl.DataFrame) -> pl.DataFrame:
    """Those of the differences that are worth something: LINE_DELTAS but for `rank`, which may be null, in no order."""
    return differences.filter(pl.col("amount_units") != 0)


def line_differences(now: pl.DataFrame, before: pl.DataFrame, originals: pl.DataFrame) -> pl.DataFrame:
    """Lines as they are now less what was issued for them: one row a line, whether it differs or not.

    now: CHARGES of re-rated periods; others are passed over. before: `issued_lines`. originals: rows of `issued_periods`, those
      that are rated again.
    Out, in no order: LINE_DELTAS, but for `rank`, which may be null; quantity, exact_amount, amount_units and event_count are
      differences, and so is list_amount where all that was issued knows its own; rates, source, price_from and place are of the line
      as it is now, or as issued where it is gone.
    """
    figures = ["quantity", "exact_amount", "amount_units", "event_count"]
    described = [
        "meter_code",
        "group_values",
        "dimensions",
        "description",
        "unit_rate",
        "per",
        "rate_source",
        "service_end",
        "place",
        "list_rate",
        "minor_digits",
    ]
    current = now.join(originals.select("original_id", *PERIOD), on=PERIOD)
    issued = (
        before.join(originals, on="original_id", how="semi", maintain_order="left")
        .group_by(SAME_LINE, maintain_order=True)
        .agg(
            pl.col(*PERIOD).first(),
            pl.col(described).last(),
            *(
                exact.decimal(exact.as_int128(name).sum(), dtype)
                for name, dtype in (("quantity", tables.QUANTITY), ("exact_amount", tables.PRICE))
            ),
            pl.col("amount_units", "event_count").sum(),
            list_amount=pl.when(pl.col("list_amount").null_count() == 0).then(
                exact.decimal(exact.as_int128("list_amount").sum(), tables.PRICE)
            ),
        )
    )
    both = current.join(issued, on=SAME_LINE, how="full", coalesce=True, nulls_equal=True, suffix="_issued")
    is_now = pl.col("amount_units").is_not_null()
    less = {
        name: pl.col(name).fill_null(pl.lit(0).cast(current.schema[name]))
        - pl.col(f"{name}_issued").fill_null(pl.lit(0).cast(issued.schema[name]))
        for name in figures
    }
    # a line that is new was nothing before, one that is gone is nothing now
    zero = pl.lit(0).cast(tables.PRICE)
    list_now = pl.when(is_now).then("list_amount").otherwise(zero)
    list_before = pl.when(pl.col("amount_units_issued").is_not_null()).then("list_amount_issued").otherwise(zero)
    return both.with_columns(
        *(pl.when(is_now).then(pl.col(name)).otherwise(pl.col(f"{name}_issued")).alias(name) for name in [*described, *PERIOD]),
        **less,
        list_amount=list_now - list_before,
    ).select(tables.LINE_DELTAS.names)


def in_invoice_order(differing: pl.DataFrame, catalog: Catalog, schedule: Schedule) -> pl.DataFrame:
    """Lines of adjustments in the order of invoice lines, with `rank` (R-38, R-42): by the pricings of the period as it is now, those
    that are no more last, then by values; lines that are and lines that are no more alike."""
    valued, values = combinations.sort_columns(differing, "group_values")
    order = pricing_ranks(catalog, schedule, differing.select(PERIOD).unique())
    return (
        valued.join(order, on=[*PERIOD, "pricing_code"], how="left")
        .sort("original_id", "kind", "pricing_rank", "pricing_code", *values, "price_from", "service_start", nulls_last=True)
        .with_columns(rank=pl.int_range(pl.len()))
        .pipe(tables.LINE_DELTAS.frame)
    )


def issued_lines(issued: Documents, originals: pl.DataFrame) -> pl.DataFrame:
    """Every issued line of the originals and of their adjustments, with what makes it the same line, in order of issue."""
    documents = issued.invoices.select(
        "invoice_id", "number", original_id=pl.coalesce("adjusts_invoice_id", "invoice_id")
    ).join(originals.select("original_id", "minor_digits", *PERIOD), on="original_id")
    return (
        issued.lines.join(documents, on="invoice_id")
        .with_columns(combination=combinations.key(pl.col("group_values")))
        .with_columns(amount_units=exact.as_int128("amount") // exact.money_per_minor())
        .sort("number", "line_no")
    )


def accruals_of_closed(issued: Documents, pending: Documents | None, closed: pl.DataFrame) -> pl.DataFrame:
    """What was charged for closed periods and counts towards commitments (R-106), corrections that still wait for their issue among
    it: contract_id, kind, meter_code, accrued_by (the end of the window in which it accrued), units.

    closed: rows of `issued_periods`.
    """
    return pl.concat([_accruals(found, closed) for found in _known(issued, pending)])


def _known(issued: Documents, pending: Documents | None) -> list[Documents]:
    """What is issued, and adjustments that still wait for their issue."""
    if pending is None:
        return [issued]
    waiting = not_issued(pending.invoices.filter(pl.col("kind") == "adjustment"), issued)
    return [issued, replace(pending, invoices=waiting)]


def billed_in_advance(
    issued: Documents, pending: Documents | None, originals: pl.DataFrame, contracts: pl.DataFrame
) -> pl.DataFrame:
    """What documents that take no more corrections, initial ones and those of closed periods, billed in advance (R-104): contract_id,
    service_start, kind, pricing_code, `units_billed`, `exact_billed`, and description, place, minor_digits, each `_billed`.

    originals: as `issued_periods`. contracts: CONTRACTS.
    """
    closed = originals.filter("is_closed").get_column("original_id")
    is_final = (pl.col("kind") == "initial") | pl.coalesce("adjusts_invoice_id", "invoice_id").is_in(closed.implode())
    found = [
        documents.lines.filter(pl.col("service_start").is_not_null()).join(
            documents.invoices.filter(is_final).select("invoice_id", "contract_id"), on="invoice_id", maintain_order="left"
        )
        for documents in _known(issued, pending)
    ]
    return (
        pl.concat(found)
        .join(contracts.select("contract_id", "minor_digits"), on="contract_id", maintain_order="left")
        .with_columns(units=exact.as_int128("amount") // exact.money_per_minor())
        .group_by("contract_id", "service_start", "kind", "pricing_code", maintain_order=True)
        .agg(
            units_billed=pl.col("units").sum(),
            exact_billed=exact.decimal(exact.as_int128("exact_amount").sum(), tables.PRICE),
            description_billed=pl.col("description").last(),
            place_billed=pl.col("place").last(),
            minor_digits_billed=pl.col("minor_digits").last(),
        )
    )


def _accruals(documents: Documents, closed: pl.DataFrame) -> pl.DataFrame:
    originals = closed.select("original_id", "contract_id", "period_end", "minor_digits")
    invoices = documents.invoices.select("invoice_id", original_id=pl.coalesce("adjusts_invoice_id", "invoice_id"))
    lines = documents.lines.join(invoices.join(originals, on="original_id"), on="invoice_id").select(
        "invoice_id", "line_no", "contract_id", "kind", "meter_code", "period_end", "amount", "minor_digits"
    )
    shares = documents.shares.join(lines.drop("amount", "period_end"), on=["invoice_id", "line_no"]).rename(
        {"window_end": "period_end"}
    )
    of_periods = lines.filter(pl.col("kind") != "usage")
    return pl.concat(
        part.select(
            "contract_id",
            "kind",
            "meter_code",
            accrued_by="period_end",
            units=exact.as_int128("amount") // exact.money_per_minor(),
        )
        for part in (shares, of_periods)
    )


def share_deltas(
    now: pl.DataFrame,
    differing: pl.DataFrame,
    issued: Documents,
    before: pl.DataFrame,
    windows: pl.DataFrame,
    meters: pl.DataFrame,
) -> pl.DataFrame:
    """How the share of each window of each differing usage line grew or shrank: SAME_LINE, window_start, window_end, share_units.

    now: shares of the lines as they are now (SAME_LINE, window_start, window_end, share_units). before: `issued_lines`. windows:
    WINDOWS. meters: METERS. An issued share counts to the window, or of meters that are not additive the plan interval, now
    containing its start (R-44); where the contract has none there any more, it stays where it was.
    """
    lines = before.select("invoice_id", "line_no", *SAME_LINE, "meter_code", "contract_id", "minor_digits")
    whole = meters.filter(~pl.col("aggregation").is_in(WINDOWED)).get_column("meter_code")
    of_windows = windows.select("contract_id", now_start="window_start", now_end="window_end", is_whole=False)
    of_intervals = windows.select("contract_id", now_start="interval_start", now_end="interval_end", is_whole=True).unique()
    is_inside = (pl.col("window_start") < pl.col("now_end")).fill_null(value=False)
    moved = (
        issued.shares.join(lines, on=["invoice_id", "line_no"])
        .with_columns(is_whole=pl.col("meter_code").is_in(whole.implode()))
        .sort("window_start", "invoice_id", "line_no")
        .join_asof(
            pl.concat([of_windows, of_intervals]).sort("now_start"),
            left_on="window_start",
            right_on="now_start",
            by=["contract_id", "is_whole"],
            strategy="backward",
            check_sortedness=False,
        )
        .with_columns(
            share_units=int128(0) - exact.as_int128("amount") // exact.money_per_minor(),
            window_start=pl.when(is_inside).then("now_start").otherwise("window_start"),
            window_end=pl.when(is_inside).then("now_end").otherwise("window_end"),
        )
    )
    columns = [*SAME_LINE, "window_start", "window_end", "share_units"]
    return (
        pl.concat([now.select(columns), moved.select(columns)])
        .group_by(*SAME_LINE, "window_start", maintain_order=True)
        # a window may have grown since: rows of the lines as they are now come first
        .agg(pl.col("window_end").first(), pl.col("share_units").sum())
        .join(differing.select(SAME_LINE), on=SAME_LINE, how="semi", nulls_equal=True)
        .sort(*SAME_LINE, "window_start", nulls_last=True)
    )


def headers(differing: pl.DataFrame, originals: pl.DataFrame, issued: Documents) -> pl.DataFrame:
    """HEADERS of the adjustments: one per original period, the next of that period; when it is due is decided by the run."""
    earlier = (
        issued.invoices.filter(pl.col("kind") == "adjustment").group_by(original_id="adjusts_invoice_id").agg(earlier=pl.len())
    )
    rows = originals.join(differing.select("original_id").unique(), on="original_id", how="semi").join(
        earlier, on="original_id", how="left"
    )
    number = (pl.col("earlier").fill_null(0) + 1).cast(pl.String)
    return rows.with_columns(
        invoice_id("adjustment", "start_date", number).alias("invoice_id"),
        pl.lit("adjustment").alias("kind"),
        pl.lit(None, dtype=tables.INSTANT).alias("due_from"),
        pl.col("original_id").alias("adjusts_invoice_id"),
    ).select(HEADER.names)


def returns(
    lines: pl.DataFrame, issued: Documents, before: pl.DataFrame, balances: pl.DataFrame, as_of: datetime
) -> pl.DataFrame:
    """Credits that negative lines give back: line_id, grant_id, `returned_units` (R-44).

    lines: negative lines of adjustments with SAME_LINE, line_id, amount_units. before: `issued_lines`. What was drawn on a line goes
    back last drawn first; what would go back to a grant that has expired by as_of is money back instead, and so is what credits
    never paid.
    """
    drawn = before.select("invoice_id", "line_no", *SAME_LINE, "minor_digits")
    entries = issued.ledger.with_row_index("entry").filter(pl.col("type").is_in(DRAWN), pl.col("status") == "posted")
    net = (
        entries.join(drawn, on=["invoice_id", "line_no"])
        .with_columns(units=int128(0) - exact.as_int128("amount") // exact.money_per_minor())
        .group_by(*SAME_LINE, "grant_id")
        .agg(pl.col("units").sum(), drawn_at=pl.col("entry").filter(pl.col("type") == "usage").max())
        .filter(pl.col("units") > 0)
        .sort("drawn_at", descending=True)
    )
    stacked = net.with_columns(upper=pl.col("units").cum_sum().over(SAME_LINE)).with_columns(
        lower=pl.col("upper") - pl.col("units")
    )
    taken = lines.select(*SAME_LINE, "line_id", start=int128(0), end=int128(0) - pl.col("amount_units"))
    laid = allocate_to_bands(taken, stacked, on=SAME_LINE).rename({"overlap": "returned_units"})
    alive = balances.filter(pl.col("expires_at").is_null() | (pl.col("expires_at") > as_of)).select("grant_id")
    return (
        laid.join(alive, on="grant_id", how="semi")
        .filter(pl.col("returned_units") > 0)
        .select("line_id", "grant_id", "drawn_at", "returned_units")
    )


# --- from draft to issue -----------------------------------------------------------------------------------------------------


def not_issued(headers: pl.DataFrame, issued: Documents) -> pl.DataFrame:
    """The headers of documents that no run has issued."""
    return headers.join(issued.invoices, on="invoice_id", how="anti", maintain_order="left")


def mark_due(
    headers: pl.DataFrame, originals: pl.DataFrame, periods: pl.DataFrame, as_of: datetime, *, issue: bool
) -> pl.DataFrame:
    """The headers with `is_issued`: whether this run issues the document (R-37). An adjustment goes with the contract's next period
    invoice, or, where none will come, when its period has closed (R-43)."""
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


@dataclass(frozen=True, slots=True)
class CarriedDrafts:
    """DOCUMENT_HEADERS, LINE_DELTAS without their period, and shares (SAME_LINE, window_start, window_end, share_units)."""

    headers: pl.DataFrame
    lines: pl.DataFrame
    shares: pl.DataFrame


def carried_drafts(pending: Documents | None, closed: pl.DataFrame, issued: Documents) -> CarriedDrafts:
    """Draft adjustments of periods that have closed since: their last figures stay, only their draws are still to be made."""
    before = pending if pending is not None else Documents.none()
    invoices = not_issued(before.invoices.filter(pl.col("kind") == "adjustment"), issued).join(
        closed.select("minor_digits", "original_id"), left_on="adjusts_invoice_id", right_on="original_id"
    )
    lines = before.lines.join(
        invoices.select("invoice_id", "minor_digits", original_id="adjusts_invoice_id"), on="invoice_id"
    ).with_columns(
        amount_units=exact.as_int128("amount") // exact.money_per_minor(),
        combination=combinations.key(pl.col("group_values")),
        rank=pl.col("line_no").cast(pl.Int64),
    )
    shares = before.shares.join(
        lines.select("invoice_id", "line_no", "minor_digits", *SAME_LINE), on=["invoice_id", "line_no"]
    ).with_columns(share_units=exact.as_int128("amount") // exact.money_per_minor())
    return CarriedDrafts(
        invoices.with_columns(due_from=pl.lit(None, dtype=tables.INSTANT)).select(HEADER.names),
        LINES.frame(lines),
        shares.select(*SAME_LINE, "window_start", "window_end", "share_units"),
    )
