"""What slots cost: the price model of each says its parts, the parts are costed exactly (R-22 to R-27)."""

from __future__ import annotations

import polars as pl

from rating.arithmetic import exact
from rating.arithmetic.allocation import with_running_total
from rating.usage import models as charges
from rating.usage.rateable_usage import ACCRUAL_GROUP

NAMES = ["contract_id", "pricing_code", "combination", "window_start"]  # of the row that a number too large is on


def costed(slots: pl.DataFrame, tier_sets: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The slots with their numbers as integers, in accrual groups; and their parts with what each costs, over `per`.

    slots: as `rateable_usage` gives them. tier_sets: TIER_SETS.
    Raises `exact.AmountOverflow` naming the row where a number has no room.
    """
    priced = _with_accrual_groups(_as_integers(slots))
    return priced, _costed(charges.parts(priced, _integer_tiers(tier_sets)), priced)


def _as_integers(slots: pl.DataFrame) -> pl.DataFrame:
    return slots.with_columns(
        quantity_e9=exact.as_int128("quantity").fill_null(exact.int128(0)),
        unit_e12=exact.as_int128("unit_amount"),
        per_e9=exact.as_int128("per"),
    )


def _with_accrual_groups(slots: pl.DataFrame) -> pl.DataFrame:
    """Number the accrual groups, whose slots lie together, and say where each slot lies on its group's running total."""
    is_new = pl.any_horizontal(pl.col(name).ne_missing(pl.col(name).shift(1)) for name in ACCRUAL_GROUP)
    numbered = exact.prove_sums(slots, ["quantity_e9"], NAMES).with_columns(accrual_group=is_new.cum_sum())
    return with_running_total(numbered, "quantity_e9", "accrual_group")


def _integer_tiers(tier_sets: pl.DataFrame) -> pl.DataFrame:
    return tier_sets.select(
        "tier_set_id",
        "tier_no",
        lower_e9=exact.as_int128("lower"),
        upper_e9=exact.as_int128("upper"),
        unit_e12=exact.as_int128("unit_amount"),
        flat_e12=exact.as_int128("flat_amount"),
    )


def _costed(parts: pl.DataFrame, slots: pl.DataFrame) -> pl.DataFrame:
    """What each part costs: quantity × unit / per + flat, as `amount_e12` and `remainder` over per (see rating.exact)."""
    parts = parts.join(slots.select("slot", "per_e9", *NAMES), on="slot", how="left", maintain_order="left").with_columns(
        full_units=pl.col("quantity_e9") // pl.col("per_e9"), partial_units_e9=pl.col("quantity_e9") % pl.col("per_e9")
    )
    parts = exact.multiply(parts, "full_units", "unit_e12", "amount_e12", NAMES)
    parts = exact.scale_remainder(parts, "partial_units_e9", "unit_e12", "per_e9", NAMES)
    parts = parts.with_columns(amount_e12=pl.col("amount_e12") + pl.col("remainder_e12") + pl.col("flat_e12"))
    return exact.prove_sums(parts, ["amount_e12", "remainder"], NAMES)
