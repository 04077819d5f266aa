"""graduated: each slice of the running total at its tier's price, and the flat amount of every tier entered (R-23, R-27).

A window moves the running total from `start` to `end`; it pays what the tariff of its own terms says at the end less what it says
at the start. So windows of one tariff add up to the whole, a correction that leaves a tier gives its flat amount back, and new
terms go on from the quantity reached without charging again for tiers entered before.
"""

from __future__ import annotations

import polars as pl

from rating.arithmetic.allocation import allocate_to_bands
from rating.arithmetic.exact import INT


def parts(slots: pl.DataFrame, tiers: pl.DataFrame) -> pl.DataFrame:
    """One part for every tier that the window's move lies in or whose bound it passes."""
    # below zero (corrections) everything is at the first tier's price, so its band has no floor; `threshold` enters it
    bands = tiers.select(
        "tier_set_id",
        "tier_no",
        "lower_e9",
        "upper_e9",
        threshold="lower_e9",
        lower=pl.when(pl.col("tier_no") == 1).then(None).otherwise(pl.col("lower_e9")),
        upper="upper_e9",
        tier_unit_e12="unit_e12",
        tier_flat_e12="flat_e12",
    )
    laid = allocate_to_bands(slots.select("slot", "tier_set_id", "start", "end"), bands, on=["tier_set_id"])
    entered = (pl.col("end") > pl.col("threshold")).cast(INT) - (pl.col("start") > pl.col("threshold")).cast(INT)
    return (
        laid.with_columns(entered=entered)
        .filter((pl.col("overlap") != 0) | (pl.col("entered") != 0))
        .select(
            "slot",
            "tier_no",
            "lower_e9",
            "upper_e9",
            quantity_e9="overlap",
            unit_e12="tier_unit_e12",
            flat_e12=pl.col("entered") * pl.col("tier_flat_e12"),
        )
    )
