"""volume: the tier that holds the period's whole quantity prices all of it (R-24, R-26, R-27)."""

from __future__ import annotations

import polars as pl

from rating.arithmetic.exact import INT


def parts(slots: pl.DataFrame, tiers: pl.DataFrame) -> pl.DataFrame:
    """One part a slot: the window's quantity at the tier, under the window's own terms, that holds the whole quantity.

    Nothing or less is priced at the first tier and enters none. The flat amount comes once, with the first window that has usage.
    """
    lower, upper = pl.col("lower_e9"), pl.col("upper_e9")
    of_combination = pl.col("quantity_e9").sum().over("accrual_group")
    of_pricing = pl.col("quantity_e9").sum().over("contract_id", "period_start", "pricing_code")
    whole = pl.col("whole_e9")
    holds = ((whole > lower) & ((whole <= upper) | upper.is_null())) | ((whole <= 0) & (pl.col("tier_no") == 1))
    bands = tiers.select("tier_set_id", "tier_no", "lower_e9", "upper_e9", tier_unit_e12="unit_e12", tier_flat_e12="flat_e12")
    wholes = slots.with_columns(whole_e9=pl.when(pl.col("tier_scope") == "pricing").then(of_pricing).otherwise(of_combination))
    priced = (
        wholes.select("slot", "accrual_group", "window_start", "quantity_e9", "whole_e9", "tier_set_id")
        .join(bands, on="tier_set_id")
        .filter(holds)
    )
    used = pl.col("window_start").filter(pl.col("quantity_e9") != 0).min().over("accrual_group")
    is_first = (pl.col("window_start") == used) & (whole > 0)
    return priced.select(
        "slot",
        "tier_no",
        "lower_e9",
        "upper_e9",
        "quantity_e9",
        unit_e12="tier_unit_e12",
        flat_e12=pl.when(is_first).then(pl.col("tier_flat_e12")).otherwise(pl.lit(0, dtype=INT)),
    )
