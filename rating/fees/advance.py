"""Fees in advance: what a period costs stands on the document before it, the first on the initial invoice (R-104).

What a fee comes to is worked out for the period that it pays for, as any other fee is. Where it is billed is another matter:

- on the document of the period before, and corrected by its adjustments as long as it is rated again;
- on the initial invoice of the start for the first period;
- from then on, when that document takes no more corrections, what differs stands on the document of the period itself.
"""

from __future__ import annotations

import polars as pl

from rating import tables
from rating.arithmetic import exact
from rating.catalog import Catalog
from rating.fees.recurring import (
    IS_BASE_FEE_IN_ADVANCE,
    IS_IN_ADVANCE,
    PERIOD,
    flat_fees,
    of_terms,
    prorated,
    terms_in_force,
    windows_with_days,
)
from rating.schedule import Schedule

FEE = ["contract_id", "service_start", "kind", "pricing_code"]
# order among the lines of its kind on one document: what the period itself owes, then what is paid for the next
_AFTER_ITS_OWN, _AHEAD = 1_000_000, 2_000_000


def fees_in_advance(catalog: Catalog, schedule: Schedule) -> pl.DataFrame:
    """CHARGES of all fees in advance, by the period that they pay for. Fees that come to 0 are among them."""
    windows = windows_with_days(catalog, schedule.serviced_windows, schedule.serviced)
    terms = terms_in_force(windows, schedule.terms).filter(IS_BASE_FEE_IN_ADVANCE)
    fees = prorated(
        [
            of_terms(terms, "base_fee", "base_fee", "Base fee"),
            flat_fees(windows, catalog, schedule).filter(IS_IN_ADVANCE),
        ]
    )
    ends = schedule.serviced.select(*PERIOD, service_end="period_end")
    return tables.CHARGES.frame(
        fees.join(ends, on=PERIOD, how="left", maintain_order="left").with_columns(
            service_start=pl.col("period_start"), price_from=pl.col("period_start"), event_count=pl.lit(0)
        )
    )


def advance_lines(
    fees: pl.DataFrame, periods: pl.DataFrame, rated: pl.DataFrame, originals: pl.DataFrame, billed: pl.DataFrame
) -> pl.DataFrame:
    """CHARGES of fees in advance on the documents of some periods: what the next period costs, and what was billed amiss for their own.

    fees: as `fees_in_advance`. periods: PERIODS begun. rated: those on whose documents lines are wanted. originals: as
    `adjustments.issued_periods`.
    billed: as `adjustments.billed_in_advance`.
    """
    if fees.is_empty() and billed.is_empty():
        return tables.CHARGES.empty()
    ahead = fees.drop("period_start").join(
        rated.select(*PERIOD, service_start="period_end"), on=["contract_id", "service_start"], maintain_order="left"
    )
    lines = [
        tables.CHARGES.frame(ahead.with_columns(rank=pl.col("rank") + _AHEAD)),
        _of_its_own(fees, periods, rated, originals, billed),
    ]
    return pl.concat(lines).filter(pl.col("amount_units") != 0)


def _of_its_own(
    fees: pl.DataFrame, periods: pl.DataFrame, rated: pl.DataFrame, originals: pl.DataFrame, billed: pl.DataFrame
) -> pl.DataFrame:
    """What differs from what was billed for a period by a document that takes no more corrections: initial, or closed."""
    before = periods.select("contract_id", "period_start", period_before=pl.col("period_start").shift(1).over("contract_id"))
    closed = originals.filter("is_closed").select("contract_id", period_before="period_start", was_closed=True)
    own = (
        rated.select(*PERIOD, service_end="period_end")
        .join(before, on=PERIOD)
        .join(closed, on=["contract_id", "period_before"], how="left")
        .join(originals.select(*PERIOD, was_issued=True), on=PERIOD, how="left")
        .with_columns(service_start=pl.col("period_start"), is_first=pl.col("period_before").is_null())
        .filter(pl.col("is_first") | pl.col("was_closed"))
    )
    told = ["description", "place", "minor_digits"]
    both = fees.drop("period_start", "service_end").join(
        billed, on=FEE, how="full", coalesce=True, nulls_equal=True, suffix="_billed"
    )
    # the initial invoice of this run bills what none has billed of a first period, as long as that has no invoice of its own
    is_to_come = pl.col("is_first") & pl.col("units_billed").is_null() & pl.col("was_issued").is_null()
    zero = exact.int128(0)
    exact_amount = exact.as_int128("exact_amount").fill_null(zero) - exact.as_int128("exact_billed").fill_null(zero)
    return tables.CHARGES.frame(
        both.join(own, on=["contract_id", "service_start"])
        .filter(~is_to_come)
        .sort(FEE)
        .with_columns(
            rank=pl.col("rank").fill_null(0) + _AFTER_ITS_OWN,
            price_from=pl.col("service_start"),
            quantity=pl.lit(1).cast(tables.QUANTITY),
            unit_rate=pl.lit(None, dtype=tables.PRICE),
            exact_amount=exact.decimal(exact_amount, tables.PRICE),
            amount_units=pl.col("amount_units").fill_null(zero) - pl.col("units_billed").fill_null(zero),
            event_count=pl.lit(0),
            **{name: pl.coalesce(name, f"{name}_billed") for name in told},
        )
    )


def first_fees(fees: pl.DataFrame, serviced: pl.DataFrame, originals: pl.DataFrame) -> pl.DataFrame:
    """CHARGES of the first periods that have no invoice of their own yet, with `day`: what their initial invoices bill."""
    first = (
        serviced.filter(pl.col("period_start") == pl.col("period_start").min().over("contract_id"))
        .join(originals, on=PERIOD, how="anti")
        .select(*PERIOD, day="start_date")
    )
    return fees.join(first, on=PERIOD, maintain_order="left").filter(pl.col("amount_units") != 0)
