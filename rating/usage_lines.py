"""From usage to usage lines: slots, prices, parts, amounts, and lines of consecutive windows at one price (R-16 to R-27, R-38).

The result keeps three grains of the same money: lines (rounded once), the share of each window in its line (what credits draw
on), and the tiers that made it (what `explain` shows).
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from rating import charges, combinations, exact, tables
from rating.allocation import begins, first_of, running, since_beginning
from rating.books import Books
from rating.schedule import Schedule
from rating.slots import LADDER, PERIOD, slots

COMBINATION = ["meter_code", "combination_no"]


@dataclass(frozen=True, slots=True)
class UsageLines:
    """Usage lines of some periods, not yet on documents; `line` numbers them.

    lines: line, contract_id, period_start, pricing_code, meter_code, combination, group_values, dimensions, description, quantity,
      unit_rate, per, exact_amount, amount_units, rate_source, price_from, event_count, place, minor_digits, in invoice order.
    shares: line, window_start, window_end, share_units: a window's part of the line's amount; amounts in minor units.
    tiers: line and TIER_CHARGES from tier_no on.
    """

    lines: pl.DataFrame
    shares: pl.DataFrame
    tiers: pl.DataFrame


def usage_lines(books: Books, schedule: Schedule, periods: pl.DataFrame, usage: pl.DataFrame) -> UsageLines:
    """Rate the usage of some periods.

    periods: a selection of PERIODS. usage: USAGE; rows of other periods are passed over.
    Raises `exact.DoesNotFit` naming the row where a number leaves the bounds of R-2.
    """
    priced = _with_ladders(_as_integers(slots(books, schedule, periods, usage)))
    tiers = _integer_tiers(books.ladders)
    parts = _costed(charges.parts(priced, tiers), priced)
    return _lines(_into_runs(priced), parts, books)


def _as_integers(slots: pl.DataFrame) -> pl.DataFrame:
    return slots.with_columns(
        quantity_e9=exact.physical("quantity").fill_null(exact.integer(0)),
        unit_e12=exact.physical("unit_amount"),
        per_e9=exact.physical("per"),
    )


def _with_ladders(slots: pl.DataFrame) -> pl.DataFrame:
    """Number the ladders, whose slots lie together, and say where each slot lies on its ladder's running total."""
    names = ["contract_id", "pricing_code", "combination", "window_start"]
    is_new = pl.any_horizontal(pl.col(name).ne_missing(pl.col(name).shift(1)) for name in LADDER)
    numbered = exact.prove_sums(slots, ["quantity_e9"], names).with_columns(ladder=is_new.cum_sum())
    return running(numbered, "quantity_e9", "ladder")


def _integer_tiers(ladders: pl.DataFrame) -> pl.DataFrame:
    return ladders.select(
        "ladder_id",
        "tier_no",
        lower_e9=exact.physical("lower"),
        upper_e9=exact.physical("upper"),
        unit_e12=exact.physical("unit_amount"),
        flat_e12=exact.physical("flat_amount"),
    )


def _costed(parts: pl.DataFrame, slots: pl.DataFrame) -> pl.DataFrame:
    """What each part costs: quantity × unit / per + flat, as `whole` and `rest` over per (see rating.exact)."""
    names = ["contract_id", "pricing_code", "combination", "window_start"]
    parts = parts.join(slots.select("slot", "per_e9", *names), on="slot", maintain_order="left").with_columns(
        pers=pl.col("quantity_e9") // pl.col("per_e9"), broken_e9=pl.col("quantity_e9") % pl.col("per_e9")
    )
    parts = exact.multiply(parts, "pers", "unit_e12", "whole", names)
    parts = exact.scale_rest(parts, "broken_e9", "unit_e12", "per_e9", names)
    parts = parts.with_columns(whole=pl.col("whole") + pl.col("rest_whole") + pl.col("flat_e12"))
    return exact.prove_sums(parts, ["whole", "rest"], names)


def _into_runs(slots: pl.DataFrame) -> pl.DataFrame:
    """Slots of used runs: consecutive windows of a combination at one price are one line (R-38).

    `price_from` is the start of the run's first window, used or not; runs without usage are no lines and drop out here.
    """
    price = ("rate_source", "unit_amount", "ladder_id")
    breaks = begins("ladder") | (pl.col("window_no") != pl.col("window_no").shift(1) + 1)
    breaks |= pl.any_horizontal(pl.col(name).ne_missing(pl.col(name).shift(1)) for name in price)
    runs = slots.with_columns(run=breaks.cum_sum())
    used = runs.filter(pl.col("event_count").is_not_null()).select(pl.col("run").unique())
    return runs.with_columns(price_from=first_of(pl.col("window_start"), "run")).join(
        used, on="run", how="semi", maintain_order="left"
    )


def _lines(slots: pl.DataFrame, parts: pl.DataFrame, books: Books) -> UsageLines:
    amounts = parts.group_by("slot").agg(pl.col("whole").sum(), pl.col("rest").sum())
    shares = _rounded_shares(slots.join(amounts, on="slot", how="left", maintain_order="left"))
    tier_parts = _tier_parts(parts, slots)
    # the last slot of a run knows what the whole line comes to
    lines = shares.filter(pl.col("run").ne_missing(pl.col("run").shift(-1)))
    exact.refuse_large_lines(lines, "running_units", ["contract_id", "period_start", "pricing_code", "combination"])
    tier_unit = tier_parts.group_by("run").agg(tier_unit=pl.col("unit_amount").first())
    ordered = (
        lines.join(tier_unit, on="run", how="left", maintain_order="left")
        .join(_named_combinations(shares, books), on=COMBINATION, maintain_order="left")
        .sort("period", "pricing_rank", "pricing_code", "value_rank", "price_from")
        .with_row_index("line")
    )
    numbers = ordered.select("run", "line")
    return UsageLines(
        lines=ordered.select(
            "line",
            *PERIOD,
            "pricing_code",
            "meter_code",
            "combination",
            "group_values",
            "dimensions",
            "description",
            exact.decimal("line_quantity_e9", tables.QUANTITY).alias("quantity"),
            # volume: the one tier that prices all; graduated: none, its tiers make the amount
            pl.when(pl.col("model") == "volume").then("tier_unit").otherwise("unit_amount").alias("unit_rate"),
            "per",
            exact.decimal(exact.nearest("running_whole", "running_rest", "per_e9"), tables.PRICE).alias("exact_amount"),
            pl.col("running_units").alias("amount_units"),
            "rate_source",
            "price_from",
            pl.col("line_events").alias("event_count"),
            "line_place",
            "minor_digits",
        ).rename({"line_place": "place"}),
        shares=shares.join(numbers, on="run")
        .select("line", "window_start", "window_end", "share_units")
        .sort("line", "window_start"),
        tiers=tier_parts.join(numbers, on="run").drop("run").sort("line", "tier_no"),
    )


def _named_combinations(slots: pl.DataFrame, books: Books) -> pl.DataFrame:
    """Each combination once: its JSON text, its name on lines, and its rank in the order of values (R-38, R-39)."""
    distinct = (
        slots.select(*COMBINATION, "group_values")
        .unique(COMBINATION)
        .join(books.meters.select("meter_code", "display_name", "group_keys"), on="meter_code")
    )
    ordered, by_value = combinations.sort_columns(distinct, "group_values")
    ordered = ordered.sort(["meter_code", *by_value], nulls_last=True).with_row_index("value_rank")
    return ordered.select(
        *COMBINATION,
        "value_rank",
        combinations.dimensions(ordered, "group_keys", "group_values"),
        combinations.description(pl.col("display_name"), pl.col("group_values")).alias("description"),
    )


def _rounded_shares(slots: pl.DataFrame) -> pl.DataFrame:
    """A window's share is the difference of the rounded running sum of its line, so shares add up to the line (R-38)."""
    slots = slots.with_columns(pl.col("whole", "rest").fill_null(exact.integer(0)))
    running_sum = slots.with_columns(
        running_whole=since_beginning(pl.col("whole"), "run"),
        running_rest=since_beginning(pl.col("rest"), "run"),
        line_quantity_e9=since_beginning(pl.col("quantity_e9"), "run"),
        line_events=since_beginning(pl.col("event_count").fill_null(0), "run"),
        # where prices are equal the first place speaks for all
        line_place=first_of(pl.col("place"), "run"),
    )
    whole, rest = exact.carry("running_whole", "running_rest", "per_e9")
    carried = running_sum.with_columns(running_whole=whole, running_rest=rest)
    units = carried.with_columns(running_units=exact.rounded("running_whole", "running_rest", "minor_digits"))
    before = pl.when(begins("run")).then(exact.integer(0)).otherwise(pl.col("running_units").shift(1))
    return units.with_columns(share_units=pl.col("running_units") - before)


def _tier_parts(parts: pl.DataFrame, slots: pl.DataFrame) -> pl.DataFrame:
    """What each tier brought to each line: `run` and TIER_CHARGES from tier_no on."""
    grouped = (
        parts.filter(pl.col("tier_no") > 0)
        .join(slots.select("slot", "run"), on="slot")
        .group_by("run", "tier_no", "lower_e9", "upper_e9", "unit_e12", "per_e9")
        .agg(pl.col("quantity_e9", "flat_e12", "whole", "rest").sum())
    )
    whole, rest = exact.carry("whole", "rest", "per_e9")
    return grouped.with_columns(whole=whole, rest=rest).select(
        "run",
        "tier_no",
        exact.decimal("lower_e9", tables.QUANTITY).alias("lower"),
        exact.decimal("upper_e9", tables.QUANTITY).alias("upper"),
        exact.decimal("quantity_e9", tables.QUANTITY).alias("quantity"),
        exact.decimal("unit_e12", tables.PRICE).alias("unit_amount"),
        exact.decimal("flat_e12", tables.PRICE).alias("flat_amount"),
        exact.decimal(exact.nearest("whole", "rest", "per_e9"), tables.PRICE).alias("exact_amount"),
    )
