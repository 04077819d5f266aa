"""Slots: what is to be priced. One row for each combination of each pricing in each rating window (R-16, R-18, R-21)."""

from __future__ import annotations

import polars as pl

from rating import combinations, prices
from rating.allocation import first_of
from rating.books import Books
from rating.schedule import Schedule

WINDOWED = ["sum", "count"]  # aggregations kept per window
PERIOD = ["contract_id", "period_start"]
LADDER = ["period", "pricing_code", "combination_no"]
_RANKS = 100_000  # more pricings than a plan will ever have


def slots(books: Books, schedule: Schedule, periods: pl.DataFrame, usage: pl.DataFrame) -> pl.DataFrame:
    """Slots with their prices; those of a ladder lie together, in time order.

    In: a selection of PERIODS; USAGE (rows of other periods are passed over).
    Out: slot, period (number), pricing_rank, combination, combination_no, window_no, the columns of the window and the pricing,
    group_values, quantity and event_count (null in a window where the combination has no usage: its price still says where a
    line begins, R-38), rate_source, unit_amount, ladder_id, place.
    """
    rated = prices.of_windows(_rated_windows(books, schedule, periods), books, schedule)
    used = combinations.keyed(usage, "group_values").select(
        "contract_id", "window_start", "meter_code", "combination", "combination_no", "group_values", "quantity", "event_count"
    )
    matched = rated.join(used, on=["contract_id", "window_start", "meter_code"])
    several = matched.filter(pl.col("windows") > 1)
    placed = pl.concat([matched.filter(pl.col("windows") == 1), _in_every_window(rated, several).select(matched.columns)])
    ordered = placed.sort("period", "pricing_rank", "pricing_code", "combination_no", "window_no").with_row_index("slot")
    return prices.of_combinations(ordered, books, schedule)


def _in_every_window(rated: pl.DataFrame, matched: pl.DataFrame) -> pl.DataFrame:
    """Each combination that a pricing has usage of, in every window of the period that the pricing rates."""
    combos = matched.select(*LADDER, "combination", "group_values").unique(LADDER)
    quantities = matched.select(*LADDER, "window_no", "quantity", "event_count")
    return rated.join(combos, on=["period", "pricing_code"]).join(
        quantities, on=[*LADDER, "window_no"], how="left", validate="1:1"
    )


def _rated_windows(books: Books, schedule: Schedule, periods: pl.DataFrame) -> pl.DataFrame:
    """One row for each pricing and window it rates: windows of sum and count meters, whole periods of the others (R-18, R-21).

    `pricing_rank` orders a period's pricings: those of the plan at its start first, then what later plans add (R-38).
    `window_no` counts the period's windows, so that a gap shows; `windows` says how many of them the pricing rates.
    """
    numbered = (
        schedule.windows.join(periods.select(*PERIOD), on=PERIOD, how="semi", maintain_order="left")
        .with_columns(row=pl.int_range(pl.len()), is_first=pl.col("window_start") == pl.col("period_start"))
        .with_columns(period=pl.col("is_first").cum_sum())
        .with_columns(window_no=pl.col("row") - first_of(pl.col("row"), "period"))
        .select("period", "window_no", "is_first", *PERIOD, "period_end", "window_start", "window_end", "window_plan_code")
        .join(books.contracts.select("contract_id", "timezone", "minor_digits"), on="contract_id", maintain_order="left")
    )
    in_force = numbered.join(_plan_pricings(books), left_on="window_plan_code", right_on="plan_code").filter(
        pl.col("is_windowed") | pl.col("is_first")
    )
    end = pl.when("is_windowed").then("window_end").otherwise("period_end")
    of_pricing = ["period", "pricing_code"]
    return in_force.with_columns(
        window_end=end,
        pricing_rank=(pl.col("window_no") * _RANKS + pl.col("pricing_order")).min().over(of_pricing),
        windows=pl.len().over(of_pricing),
    ).drop("is_first", "window_plan_code", "pricing_order")


def _plan_pricings(books: Books) -> pl.DataFrame:
    aggregations = books.meters.select("meter_code", is_windowed=pl.col("aggregation").is_in(WINDOWED))
    metered = books.pricings.join(aggregations, on="meter_code").select(
        "pricing_code", "meter_code", "model", "rate_card_code", "tier_scope", "per", "is_windowed"
    )
    return books.plan_pricings.join(metered, on="pricing_code")
