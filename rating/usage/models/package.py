"""package: whole packages, counted on the running total of the period (R-25, R-27)."""

from __future__ import annotations

import polars as pl

from rating.arithmetic.exact import INT, integer


def parts(slots: pl.DataFrame, _tiers: pl.DataFrame) -> pl.DataFrame:
    """One part a slot: the units of the packages that the window's move opens (negative: gives back); tiers are not looked at.

    Nothing or less than nothing buys no package.
    """
    bought = (_packages("end") - _packages("start")) * pl.col("per_e9")
    return slots.select(
        "slot",
        pl.lit(1, dtype=pl.Int32).alias("tier_no"),
        integer(0).alias("lower_e9"),
        pl.lit(None, dtype=INT).alias("upper_e9"),
        bought.alias("quantity_e9"),
        "unit_e12",
        pl.lit(0, dtype=INT).alias("flat_e12"),
    )


def _packages(total: str) -> pl.Expr:
    bought = pl.when(pl.col(total) > 0).then(pl.col(total)).otherwise(integer(0))
    return (bought + pl.col("per_e9") - integer(1)) // pl.col("per_e9")
