"""per_unit and bps: one part, the window's quantity at one price (R-22, R-25)."""

from __future__ import annotations

import polars as pl

from rating.arithmetic.exact import INT


def parts(slots: pl.DataFrame, _tiers: pl.DataFrame) -> pl.DataFrame:
    """One part a slot; tiers are not looked at. A bps price is a price per 10,000."""
    nothing = pl.lit(None, dtype=INT)
    return slots.select(
        "slot",
        pl.lit(0, dtype=pl.Int32).alias("tier_no"),
        nothing.alias("lower_e9"),
        nothing.alias("upper_e9"),
        "quantity_e9",
        "unit_e12",
        pl.lit(0, dtype=INT).alias("flat_e12"),
    )
