"""package: whole packages, counted on the running total of the period (R-25, R-27)."""

from __future__ import annotations

import polars as pl

from rating.arithmetic.allocation import overlap
from rating.arithmetic.exact import INT, int128


def parts(slots: pl.DataFrame, _tiers: pl.DataFrame) -> pl.DataFrame:
    """One part a slot: the units of the packages that the window's move opens (negative: gives back); tiers are not looked at.

    The running total is rounded up to whole packages and laid over one band from zero on: nothing or less buys no package.
    """
    in_packages = slots.with_columns(
        start=_rounded_up("start"), end=_rounded_up("end"), lower=int128(0), upper=pl.lit(None, dtype=INT)
    )
    return in_packages.select(
        "slot",
        pl.lit(1, dtype=pl.Int32).alias("tier_no"),
        pl.col("lower").alias("lower_e9"),
        pl.col("upper").alias("upper_e9"),
        overlap().alias("quantity_e9"),
        "unit_e12",
        pl.lit(0, dtype=INT).alias("flat_e12"),
    )


def _rounded_up(total: str) -> pl.Expr:
    return (pl.col(total) + pl.col("per_e9") - int128(1)) // pl.col("per_e9") * pl.col("per_e9")
