"""From usage to usage lines: slots, prices, parts, amounts, and lines of consecutive windows at one price (R-16 to R-27, R-38).

The result keeps three grains of the same money: lines (rounded once), the share of each window in its line (what credits draw
on), and the tiers that made it (what `explain` shows).
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from rating import tables
from rating.arithmetic import exact
from rating.arithmetic.allocation import group_cumsum, group_first, is_group_start
from rating.catalog import Catalog
from rating.schedule import Schedule
from rating.usage import combinations
from rating.usage.costing import costed
from rating.usage.list_prices import list_prices
from rating.usage.percent_off import with_percent_off
from rating.usage.rateable_usage import rateable_usage


@dataclass(frozen=True, slots=True)
class UsageLines:
    """Usage lines of some periods, not yet on documents; `line` numbers them.

    lines: CHARGES of the kind `usage`, in invoice order.
    shares: line, window_start, window_end, share_units: a window's part of the line's amount; amounts in minor units.
    tiers: line and TIER_CHARGES from tier_no on.
    """

    lines: pl.DataFrame
    shares: pl.DataFrame
    tiers: pl.DataFrame


def usage_lines(catalog: Catalog, schedule: Schedule, periods: pl.DataFrame, usage: pl.DataFrame) -> UsageLines:
    """Rate the usage of some periods.

    periods: a selection of PERIODS. usage: USAGE; rows of other periods are passed over.
    Raises `exact.AmountOverflow` naming the row where a number leaves the bounds of R-2.
    """
    distinct = combinations.distinct(usage)
    listed = rateable_usage(catalog, schedule, periods, usage, distinct)
    agreed, tier_sets = with_percent_off(listed, catalog.tier_sets, distinct, schedule)
    priced, parts = costed(agreed, tier_sets)
    slots = _into_lines(priced)
    at_list_prices = list_prices(catalog, schedule, periods, usage, distinct, slots)
    return _lines(slots, parts, distinct, catalog, at_list_prices)


def _into_lines(slots: pl.DataFrame) -> pl.DataFrame:
    """Slots of lines: consecutive windows of a combination at one price are one line, with its number `line` (R-38).

    `price_from` is the start of the line's first window, used or not; windows at a price that nothing was used at are no line.
    """
    price = ("rate_source", "unit_amount", "tier_set_id")
    breaks = is_group_start("accrual_group") | (pl.col("window_no") != pl.col("window_no").shift(1) + 1)
    breaks |= pl.any_horizontal(pl.col(name).ne_missing(pl.col(name).shift(1)) for name in price)
    runs = slots.with_columns(run=breaks.cum_sum()).with_columns(price_from=group_first(pl.col("window_start"), "run"))
    if runs.get_column("event_count").null_count():
        used = runs.filter(pl.col("event_count").is_not_null()).select(pl.col("run").unique())
        runs = runs.join(used, on="run", how="semi", maintain_order="left")
    return runs.with_columns(line=is_group_start("run").cum_sum().cast(pl.Int64) - 1)


def _lines(
    slots: pl.DataFrame, parts: pl.DataFrame, distinct: pl.DataFrame, catalog: Catalog, at_list_prices: pl.DataFrame
) -> UsageLines:
    amounts = parts.group_by("slot").agg(pl.col("amount_e12").sum(), pl.col("remainder").sum())
    shares = _rounded_shares(slots.join(amounts, on="slot", how="left", maintain_order="left"))
    tiers = _tier_parts(parts, slots)
    # the last slot of a line knows what the whole line comes to
    lines = shares.filter(pl.col("line").ne_missing(pl.col("line").shift(-1)))
    exact.refuse_large_lines(lines, "running_units", ["contract_id", "period_start", "pricing_code", "combination"])
    tier_unit = tiers.group_by("line").agg(tier_unit=pl.col("unit_amount").first())
    named = lines.join(tier_unit, on="line", how="left", maintain_order="left").join(
        _named(distinct, catalog), on="combination_no", how="left", maintain_order="left"
    )
    # volume: the one tier that prices all; graduated: none, its tiers make the amount
    unit_rate = pl.when(pl.col("model") == "volume").then("tier_unit").otherwise("unit_amount")
    charges = named.with_columns(
        kind=pl.lit("usage"),
        rank=pl.col("line"),
        quantity=exact.decimal("line_quantity_e9", tables.QUANTITY),
        unit_rate=unit_rate,
        exact_amount=exact.decimal(exact.round_to_12_places("running_e12", "running_remainder", "per_e9"), tables.PRICE),
        amount_units=pl.col("running_units"),
        event_count=pl.col("line_events"),
        place=pl.col("line_place"),
    )
    is_list_price = pl.col("list_amount").is_null()
    with_list = charges.join(at_list_prices, on="line", how="left", maintain_order="left").with_columns(
        list_rate=pl.when(is_list_price).then("unit_rate").otherwise("list_rate"),
        list_amount=pl.coalesce("list_amount", "exact_amount"),
    )
    return UsageLines(
        lines=tables.CHARGES.frame(with_list),
        shares=shares.select("line", "window_start", "window_end", "share_units"),
        tiers=tiers.sort("line", "tier_no"),
    )


def _named(distinct: pl.DataFrame, catalog: Catalog) -> pl.DataFrame:
    """What is printed of each combination: its values, their JSON text, and its name on lines (R-38, R-39)."""
    meters = catalog.meters.select("meter_code", "display_name", "group_keys")
    named = distinct.select("combination_no", *combinations.COMBINATION).join(meters, on="meter_code")
    return named.select(
        "combination_no",
        "group_values",
        combinations.dimensions(named, "group_keys", "group_values"),
        combinations.description(pl.col("display_name"), pl.col("group_values")).alias("description"),
    )


def _rounded_shares(slots: pl.DataFrame) -> pl.DataFrame:
    """A window's share is the difference of the rounded running sum of its line, so shares add up to the line (R-38)."""
    slots = slots.with_columns(pl.col("amount_e12", "remainder").fill_null(exact.int128(0)))
    running_sum = slots.with_columns(
        running_e12=group_cumsum(pl.col("amount_e12"), "line"),
        running_remainder=group_cumsum(pl.col("remainder"), "line"),
        line_quantity_e9=group_cumsum(pl.col("quantity_e9"), "line"),
        line_events=group_cumsum(pl.col("event_count").fill_null(0), "line"),
        # where prices are equal the first place speaks for all
        line_place=group_first(pl.col("place"), "line"),
    )
    whole, rest = exact.normalize("running_e12", "running_remainder", "per_e9")
    carried = running_sum.with_columns(running_e12=whole, running_remainder=rest)
    units = carried.with_columns(running_units=exact.rounded("running_e12", "running_remainder", "minor_digits"))
    before = pl.when(is_group_start("line")).then(exact.int128(0)).otherwise(pl.col("running_units").shift(1))
    return units.with_columns(share_units=pl.col("running_units") - before)


def _tier_parts(parts: pl.DataFrame, slots: pl.DataFrame) -> pl.DataFrame:
    """What each tier brought to each line: `line` and TIER_CHARGES from tier_no on. A line has one tier set: one price a tier."""
    of_tier = ["lower_e9", "upper_e9", "unit_e12", "per_e9"]
    grouped = (
        parts.filter(pl.col("tier_no") > 0)
        .join(slots.select("slot", "line"), on="slot")
        .group_by("line", "tier_no")
        .agg(pl.col(of_tier).first(), pl.col("quantity_e9", "flat_e12", "amount_e12", "remainder").sum())
    )
    whole, rest = exact.normalize("amount_e12", "remainder", "per_e9")
    return grouped.with_columns(amount_e12=whole, remainder=rest).select(
        "line",
        "tier_no",
        exact.decimal("lower_e9", tables.QUANTITY).alias("lower"),
        exact.decimal("upper_e9", tables.QUANTITY).alias("upper"),
        exact.decimal("quantity_e9", tables.QUANTITY).alias("quantity"),
        exact.decimal("unit_e12", tables.PRICE).alias("unit_amount"),
        exact.decimal("flat_e12", tables.PRICE).alias("flat_amount"),
        exact.decimal(exact.round_to_12_places("amount_e12", "remainder", "per_e9"), tables.PRICE).alias("exact_amount"),
    )
