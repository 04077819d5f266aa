"""Charges that people agree on by hand: one line on the period that holds their day (R-109)."""

from __future__ import annotations

import polars as pl

from rating import tables
from rating.arithmetic import exact
from rating.catalog import Catalog


def manual_lines(catalog: Catalog, periods: pl.DataFrame) -> pl.DataFrame:
    """CHARGES of the kind manual of some periods, in the order of their days; `pricing_code` is the charge's id.

    periods: PERIODS. What was agreed is billed whole, however short the period; credits do not pay it.
    """
    due = (
        catalog.manual_charges.join(periods.select("contract_id", "period_start", "start_date", "end_date"), on="contract_id")
        .filter(pl.col("charged_on").is_between("start_date", "end_date", closed="left"))
        .join(catalog.contracts.select("contract_id", "minor_digits"), on="contract_id")
        .sort("contract_id", "period_start", "charged_on", "charge_id")
    )
    one = pl.lit(1).cast(tables.QUANTITY)
    return tables.CHARGES.frame(
        due.select(
            "contract_id",
            "period_start",
            pl.lit("manual").alias("kind"),
            pl.int_range(pl.len()).over("contract_id", "period_start").alias("rank"),
            pl.col("charge_id").alias("pricing_code"),
            pl.col("name").alias("description"),
            one.alias("quantity"),
            pl.col("amount").cast(tables.PRICE).alias("unit_rate"),
            one.alias("per"),
            pl.col("amount").cast(tables.PRICE).alias("exact_amount"),
            (exact.as_int128("amount") // exact.money_per_minor()).alias("amount_units"),
            pl.col("period_start").alias("price_from"),
            pl.lit(0).alias("event_count"),
            "place",
            "minor_digits",
        )
    )
