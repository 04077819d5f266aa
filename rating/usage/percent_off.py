"""Percent off list prices (R-103): an override that follows the list as it changes.

Of several that hold, the one of the combination goes before that of the pricing, and that before the plan's; a price that was agreed
on itself is no list price and stays. What belongs here: the percentages. What does not: how a list price is found (`price_lookup`).
"""

from __future__ import annotations

import polars as pl

from rating import tables
from rating.arithmetic import exact
from rating.schedule import Schedule
from rating.usage.price_lookup import IN_FORCE, most_specific

WHOLE = 100 * 10**12  # percents are kept with twelve decimals
OF_TIERS = ["tier_set_id", "percent_off"]


def with_percent_off(
    slots: pl.DataFrame, tier_sets: pl.DataFrame, distinct: pl.DataFrame, schedule: Schedule
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The slots, in the same order, with list prices less what was agreed; and TIER_SETS with the tiers that they need beside those.

    slots: as `rateable_usage` gives them. distinct: `combinations.distinct`. Every price times (100 - percent) / 100, to 12 decimals,
    halves away from zero; flat amounts of tiers too. `rate_source` becomes override, `place` says the percentage,
    the list price where there is one, and both places.
    """
    overrides = schedule.overrides.filter(pl.col("percent_off").is_not_null())
    if overrides.is_empty():
        return slots, tier_sets
    agreed = _agreed(slots.filter(~pl.col("is_agreed")), overrides, distinct)
    if agreed.is_empty():
        return slots, tier_sets
    priced = slots.join(agreed, on="slot", how="left", maintain_order="left")
    discounted = _discounted(priced.select(OF_TIERS).drop_nulls().unique(), tier_sets)
    is_agreed = pl.col("percent_off").is_not_null()
    price = pl.when(pl.col("unit_amount").is_not_null()).then(pl.format("{} of ", _plain("unit_amount"))).otherwise(pl.lit(""))
    place = pl.format("{}: {} % off {}{}", "agreed_place", _plain("percent_off"), price, pl.col("place").fill_null("the list"))
    return (
        priced.join(discounted.select(*OF_TIERS, "new_id").unique(), on=OF_TIERS, how="left", maintain_order="left")
        .with_columns(
            unit_amount=pl.when(is_agreed).then(_less("unit_amount")).otherwise("unit_amount"),
            tier_set_id=pl.when(is_agreed).then("new_id").otherwise("tier_set_id"),
            rate_source=pl.when(is_agreed).then(pl.lit("override")).otherwise("rate_source"),
            place=pl.when(is_agreed).then(place).otherwise("place"),
        )
        .drop("percent_off", "agreed_place", "new_id"),
        pl.concat([tier_sets, discounted.drop("tier_set_id").rename({"new_id": "tier_set_id"}).select(tier_sets.columns)]),
    )


def _agreed(slots: pl.DataFrame, overrides: pl.DataFrame, distinct: pl.DataFrame) -> pl.DataFrame:
    """slot, percent_off, agreed_place of the slots with list prices for which a percentage was agreed."""
    found = ["slot", pl.col("percent_off"), pl.col("place").alias("agreed_place")]
    on = ["contract_id", "meter_code"]
    of_values = overrides.filter(pl.col("group_values").is_not_null()).with_columns(unit_amount="percent_off")
    concerned = slots.filter("is_complete").select("slot", "combination_no", "window_start", *on)
    concerned = concerned.join(of_values.select(on).unique(), on=on, how="semi").join(
        distinct.select("combination_no", "group_values"), on="combination_no"
    )
    by_values = most_specific(concerned, of_values, on, "slot", IN_FORCE).rename({"unit_amount": "percent_off"}).select(found)
    rows = slots.select("slot", "contract_id", "pricing_code", "window_start")
    terms = ["contract_id", "percent_off", "place", "valid_from", "valid_to"]
    of_pricings = overrides.filter(pl.col("pricing_code").is_not_null()).select("pricing_code", *terms)
    by_pricing = rows.join(of_pricings, on=["contract_id", "pricing_code"]).filter(IN_FORCE).select(found)
    of_plans = overrides.filter(pl.col("pricing_code").is_null(), pl.col("group_values").is_null()).select(terms)
    by_plan = rows.join(of_plans, on="contract_id").filter(IN_FORCE).select(found)
    return pl.concat([by_values, by_pricing, by_plan]).unique("slot", keep="first", maintain_order=True)


def _discounted(wanted: pl.DataFrame, tier_sets: pl.DataFrame) -> pl.DataFrame:
    """Tiers at a percentage off, with `new_id` for each tier set and percentage."""
    above = tier_sets.get_column("tier_set_id").max() if tier_sets.height else 0
    numbered = (
        wanted.sort(OF_TIERS).with_row_index("nth", offset=1).with_columns(new_id=(pl.col("nth") + above).cast(tables.SMALL))
    )
    return (
        tier_sets.join(numbered.drop("nth"), on="tier_set_id")
        .with_columns(_less(name).alias(name) for name in ("unit_amount", "flat_amount"))
        .sort("new_id", "tier_no")
    )


def _plain(number: str) -> pl.Expr:
    """A decimal without idle zeros."""
    return pl.col(number).cast(pl.String).str.strip_chars_end("0").str.strip_chars_end(".")


def _less(price: str) -> pl.Expr:
    """A price times (100 - percent) / 100. It stays under 1e9 (R-2), so its digits times those of a percentage fit 128 bits."""
    rest = exact.int128(WHOLE) - exact.as_int128("percent_off")
    return exact.decimal((exact.as_int128(price) * rest + exact.int128(WHOLE // 2)) // exact.int128(WHOLE), tables.PRICE)
