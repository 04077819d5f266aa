"""Slots: what is to be priced. One row for each combination of each pricing in each rating window (R-16, R-18, R-21)."""

from __future__ import annotations

import polars as pl

from rating import tables
from rating.arithmetic import exact
from rating.arithmetic.allocation import group_first
from rating.calendar import local_dates
from rating.catalog import Catalog
from rating.schedule import Schedule
from rating.usage import combinations
from rating.usage import price_lookup as prices
from rating.vocabulary import WINDOWED

PERIOD = ["contract_id", "period_start"]
ACCRUAL_GROUP = ["pricing_no", "combination_no"]


def rateable_usage(
    catalog: Catalog, schedule: Schedule, periods: pl.DataFrame, usage: pl.DataFrame, distinct: pl.DataFrame
) -> pl.DataFrame:
    """Slots with their prices, in invoice order (R-38); those of an accrual group lie together, in time order.

    In: a selection of PERIODS; USAGE (rows of other periods are passed over); its combinations as `combinations.distinct` has them.
    Out: slot, pricing_no, combination_no, combination, window_no, the columns of the window and the pricing, quantity and event_count
    (null in a window where the combination has no usage: its price still says where a line begins, R-38), rate_source,
    unit_amount, tier_set_id, place.
    """
    priced_windows = prices.of_windows(_priced_windows(catalog, schedule, periods), catalog, schedule)
    used = _by_days(_used(priced_windows, combinations.numbered(usage, distinct)), priced_windows, periods)
    placed = _in_every_window(priced_windows, used).with_row_index("slot")
    placed = placed.join(priced_windows.drop("pricing_no"), on="row", how="left", maintain_order="left").join(
        distinct.select("combination_no", "combination", "is_complete"), on="combination_no", how="left", maintain_order="left"
    )
    return prices.of_combinations(placed.drop("row"), distinct, catalog, schedule)


def _used(priced_windows: pl.DataFrame, usage: pl.DataFrame) -> pl.DataFrame:
    """What each tariff has of each combination, in its windows: pricing_no, row, combination_no, quantity, event_count; sorted."""
    window = ["contract_id", "window_start", "meter_code"]
    quantities = usage.select(*window, "combination_no", "quantity", "event_count")
    return (
        priced_windows.select("pricing_no", "row", *window)
        .join(quantities, on=window)
        .select("pricing_no", "row", "combination_no", "quantity", "event_count")
        .sort(*ACCRUAL_GROUP, "row")
    )


def _by_days(used: pl.DataFrame, priced_windows: pl.DataFrame, periods: pl.DataFrame) -> pl.DataFrame:
    """The rows of `_used`, with the quantities of prorated pricings by their local days of those of the full period (R-101)."""
    prorated = priced_windows.filter(pl.col("prorate").fill_null(value=False))
    if prorated.is_empty():
        return used
    first, after = (
        local_dates(prorated.get_column(end), prorated.get_column("timezone")) for end in ("window_start", "window_end")
    )
    days = (
        prorated.with_columns(days=(after - first).dt.total_days().cast(exact.INT))
        .join(periods.select(*PERIOD, full_days=pl.col("full_days").cast(exact.INT)), on=PERIOD)
        .select("row", "days", "full_days")
    )
    # a quantity is under 1e15, so there is room for its billionths times the days of a year
    rows = used.join(days, on="row", how="left", maintain_order="left").with_columns(
        times_days=exact.as_int128("quantity") * pl.col("days")
    )
    return rows.with_columns(
        quantity=pl.when(pl.col("days").is_null())
        .then("quantity")
        .otherwise(exact.decimal(exact.halves_away("times_days", "full_days"), tables.QUANTITY))
    ).select(used.columns)


def _in_every_window(priced_windows: pl.DataFrame, used: pl.DataFrame) -> pl.DataFrame:
    """The rows of `_used`, and one without usage for every other window that the tariff rates; sorted."""
    is_new = pl.any_horizontal(pl.col(name).ne_missing(pl.col(name).shift(1)) for name in ACCRUAL_GROUP)
    tier_sets = (
        used.with_columns(is_new=is_new, nth=pl.int_range(pl.len()))
        .filter("is_new")
        .select(*ACCRUAL_GROUP, "nth")
        .with_columns(seen=pl.col("nth").shift(-1, fill_value=used.height) - pl.col("nth"))
    )
    rated = priced_windows.select("pricing_no", "row", "windows")
    missed = (
        tier_sets.join(rated, on="pricing_no")
        .filter(pl.col("seen") < pl.col("windows"))
        .join(used, on=["row", "combination_no"], how="anti")
        .with_columns(pl.lit(None, dtype=used.schema[name]).alias(name) for name in ("quantity", "event_count"))
    )
    return pl.concat([used, missed.select(used.columns)]).sort(*ACCRUAL_GROUP, "row") if missed.height else used


def _priced_windows(catalog: Catalog, schedule: Schedule, periods: pl.DataFrame) -> pl.DataFrame:
    """One row for each pricing and window it rates: windows of additive meters, plan intervals of the others (R-18, R-21, R-101).

    `pricing_no` numbers the pricings of the periods in invoice order: those of the plan at the period's start first, then what later
    plans add (R-38). `row` numbers their windows. `window_no` counts the windows, or intervals, of the period, so that a gap shows;
    `windows` says how many of them the pricing rates.
    """
    numbered = (
        schedule.windows.join(periods.select(*PERIOD), on=PERIOD, how="semi", maintain_order="left")
        .with_columns(nth=pl.int_range(pl.len()), is_first=pl.col("window_start") == pl.col("period_start"))
        .with_columns(period=pl.col("is_first").cum_sum())
        .with_columns(
            window_no=pl.col("nth") - group_first(pl.col("nth"), "period"),
            begins_interval=pl.col("window_start") == pl.col("interval_start"),
        )
        .with_columns(interval_no=pl.col("begins_interval").cum_sum())
        .select(
            "period",
            "window_no",
            "begins_interval",
            "interval_no",
            *PERIOD,
            "window_start",
            "window_end",
            "interval_end",
            "window_plan_code",
        )
        .join(catalog.contracts.select("contract_id", "timezone", "minor_digits"), on="contract_id", maintain_order="left")
    )
    in_force = numbered.join(_plan_pricings(catalog), left_on="window_plan_code", right_on="plan_code").filter(
        pl.col("is_windowed") | pl.col("begins_interval")
    )
    of_pricing = ["period", "pricing_code"]
    return (
        in_force.with_columns(
            window_end=pl.when("is_windowed").then("window_end").otherwise("interval_end"),
            window_no=pl.when("is_windowed").then("window_no").otherwise("interval_no"),
            pricing_rank=_rank(catalog).min().over(of_pricing),
            windows=pl.len().over(of_pricing),
        )
        .sort("period", "pricing_rank", "pricing_code", "window_no")
        .with_row_index("row")
        .with_columns(pricing_no=pl.struct(of_pricing).rle_id())
        .drop("period", "begins_interval", "interval_no", "interval_end", "window_plan_code", "pricing_order", "pricing_rank")
    )


def pricing_ranks(catalog: Catalog, schedule: Schedule, periods: pl.DataFrame) -> pl.DataFrame:
    """The order of a period's pricings, metered or not: those of the plan at its start first, then what later plans add (R-38).

    periods: contract_id, period_start. Out: these, pricing_code, `pricing_rank`.
    """
    window_no = pl.col("window_start").rank("dense").over(PERIOD).cast(pl.Int64)
    return (
        schedule.windows.join(periods, on=PERIOD, how="semi")
        .select(*PERIOD, "window_start", plan_code="window_plan_code")
        .with_columns(window_no=window_no)
        .join(catalog.plan_pricings, on="plan_code")
        .group_by(*PERIOD, "pricing_code")
        .agg(pricing_rank=_rank(catalog).min())
    )


def _rank(catalog: Catalog) -> pl.Expr:
    """Place of a pricing in a window of its period: those of earlier windows first, then by the order of the window's plan (R-38). The
    least over a period is its place there."""
    return pl.col("window_no") * catalog.plan_pricings.height + pl.col("pricing_order")


def _plan_pricings(catalog: Catalog) -> pl.DataFrame:
    aggregations = catalog.meters.select("meter_code", is_windowed=pl.col("aggregation").is_in(WINDOWED))
    metered = catalog.pricings.join(aggregations, on="meter_code").select(
        "pricing_code", "meter_code", "model", "rate_card_code", "tier_scope", "per", "is_windowed", "prorate"
    )
    return catalog.plan_pricings.join(metered, on="pricing_code")
