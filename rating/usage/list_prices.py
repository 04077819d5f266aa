"""What usage that was priced by agreement costs at list prices: those of the card or the pricing, without the contract's overrides.

Nothing is billed by them. What belongs here: list prices of lines that are priced already. What does not: how a list price is found
(`price_lookup`).
"""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from rating import tables
from rating.arithmetic import exact
from rating.arithmetic.exact import AmountOverflow
from rating.catalog import Catalog
from rating.schedule import Schedule
from rating.usage.costing import costed
from rating.usage.rateable_usage import rateable_usage

LIST_PRICES = tables.Table(
    "list_prices",
    "one usage line with a price that was agreed on, at list prices",
    ("line",),
    (
        tables.Column("line", tables.COUNT, "the usage line"),
        tables.Column("list_rate", tables.PRICE, "list price per `per` units; null: several, or tiers", nullable=True),
        tables.Column("list_amount", tables.PRICE, "what the line costs at list prices, to 12 decimals"),
    ),
)
SLOT = ["contract_id", "period_start", "pricing_code", "combination_no", "window_start"]
METER = ["contract_id", "meter_code"]


def list_prices(
    catalog: Catalog,
    schedule: Schedule,
    periods: pl.DataFrame,
    usage: pl.DataFrame,
    distinct: pl.DataFrame,
    slots: pl.DataFrame,
) -> pl.DataFrame:
    """LIST_PRICES of the lines that an agreed price is on.

    slots: those of lines, with `line` and rate_source. The others are arguments of `rateable_usage`, which is asked again without
    overrides: windows stay where they are, so each slot is found again at its list price. What is too large to be counted at list
    prices has none, and is billed all the same.
    """
    is_agreed = pl.col("is_agreed") | (pl.col("rate_source") == "override")
    lines = slots.filter(is_agreed).select("line").unique()
    agreed = slots.join(lines, on="line", how="semi")
    without = replace(schedule, overrides=schedule.overrides.clear())
    while agreed.height:
        concerned = usage.join(agreed.select(METER).unique(), on=METER, how="semi")
        of_contracts = periods.join(agreed.select("contract_id").unique(), on="contract_id", how="semi", maintain_order="left")
        try:
            priced, parts = costed(rateable_usage(catalog, without, of_contracts, concerned, distinct), catalog.tier_sets)
        except AmountOverflow as overflow:
            agreed = agreed.filter(~pl.col("contract_id").is_in([*overflow.by_contract]))
        else:
            return _of_lines(priced.join(agreed.select("line", *SLOT), on=SLOT), parts)
    return LIST_PRICES.empty()


def _of_lines(slots: pl.DataFrame, parts: pl.DataFrame) -> pl.DataFrame:
    amounts = parts.group_by("slot").agg(pl.col("amount_e12").sum(), pl.col("remainder").sum())
    price = pl.struct("unit_amount", "tier_set_id").filter(pl.col("event_count").is_not_null())
    by_line = (
        slots.join(amounts, on="slot", how="left")
        .group_by("line")
        .agg(
            pl.col("amount_e12", "remainder").sum(),
            pl.col("per_e9").first(),
            pl.col("unit_amount").filter(pl.col("event_count").is_not_null()).first(),
            is_one_price=price.n_unique() == 1,
        )
    )
    whole, rest = exact.normalize("amount_e12", "remainder", "per_e9")
    carried = by_line.with_columns(amount_e12=whole, remainder=rest)
    return LIST_PRICES.frame(
        carried.with_columns(
            # of tiers there is no unit_amount
            list_rate=pl.when("is_one_price").then("unit_amount"),
            list_amount=exact.decimal(exact.round_to_12_places("amount_e12", "remainder", "per_e9"), tables.PRICE),
        ).sort("line")
    )
