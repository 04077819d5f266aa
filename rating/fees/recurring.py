"""Fees of a period: base fee, flat pricings and the minimum commitment, prorated by local days (R-28, R-29)."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from rating import tables
from rating.arithmetic import exact
from rating.calendar import local_dates
from rating.catalog import Catalog
from rating.schedule import Schedule, in_force

PERIOD = ["contract_id", "period_start"]
ONE = 10**9
# fees that stand on the document of the period before
IS_BASE_FEE_IN_ADVANCE = pl.col("base_fee_in_advance").fill_null(value=False)
IS_IN_ADVANCE = pl.col("in_advance").fill_null(value=False)


def fee_lines(catalog: Catalog, schedule: Schedule, periods: pl.DataFrame, accrued: pl.DataFrame) -> pl.DataFrame:
    """CHARGES of the kinds base_fee, flat, maximum_spend and minimum_commitment of some periods. Fees that come to 0 make no line.

    accrued: contract_id, period_start, accrued_by, units: what the usage lines of the periods come to, by the window in which that
    accrues, which is known by its end (R-29, R-105).
    """
    windows = windows_with_days(catalog, schedule.windows, periods)
    terms = terms_in_force(windows, schedule.terms)
    bounded = terms.filter(pl.col("maximum_spend").is_not_null())
    parts = [
        of_terms(terms.filter(~IS_BASE_FEE_IN_ADVANCE), "base_fee", "base_fee", "Base fee"),
        flat_fees(windows, catalog, schedule).filter(~IS_IN_ADVANCE),
        of_terms(
            terms.filter(pl.col("minimum_spend").is_not_null()), "minimum_spend", "minimum_commitment", "Minimum commitment"
        ),
        of_terms(bounded, "maximum_spend", "maximum_spend", "Maximum spend"),
    ]
    fees = prorated(parts)
    windows_bounded = bounded.select("contract_id", accrued_by="window_end")
    owed = _beside_usage(fees, accrued, windows_bounded).filter(pl.col("amount_units") != 0)
    return tables.CHARGES.frame(owed.with_columns(price_from=pl.col("period_start"), event_count=pl.lit(0)))


def windows_with_days(catalog: Catalog, windows: pl.DataFrame, periods: pl.DataFrame) -> pl.DataFrame:
    """Windows of the periods with their local days. Fees change at local midnights only, so where a grant or the price of usage
    cuts a day in two it does not matter to which side the day is counted."""
    rows = (
        windows.join(periods.select(*PERIOD, "full_days"), on=PERIOD)
        .join(catalog.contracts.select("contract_id", "timezone", "minor_digits"), on="contract_id")
        .sort("contract_id", "window_start")
    )
    first = local_dates(rows.get_column("window_start"), rows.get_column("timezone"))
    after = local_dates(rows.get_column("window_end"), rows.get_column("timezone"))
    return rows.with_columns(days=(after - first).dt.total_days())


def terms_in_force(windows: pl.DataFrame, dated: pl.DataFrame) -> pl.DataFrame:
    return windows.join(dated, on="contract_id").filter(in_force("window_start"))


def of_terms(terms: pl.DataFrame, term: str, kind: str, description: str) -> pl.DataFrame:
    """A fee that the terms in force in each window name."""
    return terms.with_columns(
        fee=pl.col(term),
        kind=pl.lit(kind),
        rank=pl.lit(0),
        pricing_code=pl.lit(None, dtype=pl.String),
        description=pl.lit(description),
        place=pl.lit(None, dtype=pl.String),
    )


def flat_fees(windows: pl.DataFrame, catalog: Catalog, schedule: Schedule) -> pl.DataFrame:
    """flat pricings of the plan in force in each window, at the contract's own amount where an override holds."""
    flat = catalog.plan_pricings.join(catalog.pricings.filter(pl.col("model") == "flat"), on="pricing_code")
    charged = windows.join(
        flat.select("plan_code", "pricing_order", "pricing_code", "name", "unit_amount", "place", "in_advance"),
        left_on="window_plan_code",
        right_on="plan_code",
    )
    overrides = schedule.overrides.filter(pl.col("pricing_code").is_not_null(), pl.col("percent_off").is_null()).select(
        "contract_id", "pricing_code", "valid_from", "valid_to", own_amount="unit_amount", own_place="place"
    )
    own = (
        charged.select("contract_id", "pricing_code", "window_start")
        .join(overrides, on=["contract_id", "pricing_code"])
        .filter(in_force("window_start"))
        .drop("valid_from", "valid_to")
    )
    return (
        charged.join(own, on=["contract_id", "pricing_code", "window_start"], how="left")
        .with_columns(
            fee=pl.coalesce("own_amount", "unit_amount"),
            place=pl.coalesce("own_place", "place"),
            kind=pl.lit("flat"),
            description=pl.col("name"),
            # the plan at the period's start first, then what later plans add
            first_window=pl.col("window_start").min().over([*PERIOD, "pricing_code"]),
        )
        .with_columns(rank=pl.struct("first_window", "pricing_order").rank("dense").over(PERIOD))
    )


_FEE = [
    *PERIOD,
    "window_start",
    "days",
    "full_days",
    "minor_digits",
    "fee",
    "kind",
    "rank",
    "pricing_code",
    "description",
    "place",
]


def prorated(parts: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """One row a fee: the unrounded parts (amount × days / days of the full period) are summed, then rounded (R-28)."""
    fees = pl.concat([part.select(_FEE) for part in parts], how="vertical_relaxed")
    fees = fees.with_columns(
        fee_e12=exact.as_int128("fee").fill_null(exact.int128(0)), days=pl.col("days").cast(exact.INT)
    ).sort(*PERIOD, "kind", "pricing_code", "window_start")
    names = ["contract_id", "kind", "period_start"]
    fees = exact.prove_sums(exact.multiply(fees, "fee_e12", "days", "remainder", names), ["remainder"], names)
    summed = fees.group_by(*PERIOD, "kind", "pricing_code", maintain_order=True).agg(
        pl.col("rank").min(),
        pl.col("description", "place", "minor_digits").first(),
        pl.col("remainder").sum(),
        divisor=pl.col("full_days").first().cast(exact.INT),
        amounts=pl.col("fee").n_unique(),
        fee=pl.col("fee").first(),
    )
    whole, rest = exact.normalize("amount_e12", "remainder", "divisor")
    carried = summed.with_columns(amount_e12=exact.int128(0)).with_columns(amount_e12=whole, remainder=rest)
    prorated = carried.select(
        *PERIOD,
        "kind",
        "rank",
        "pricing_code",
        "description",
        exact.decimal(exact.int128(ONE), tables.QUANTITY).alias("quantity"),
        pl.when(pl.col("amounts") == 1).then("fee").alias("unit_rate"),
        exact.decimal(exact.int128(ONE), tables.QUANTITY).alias("per"),
        exact.decimal(exact.round_to_12_places("amount_e12", "remainder", "divisor"), tables.PRICE).alias("exact_amount"),
        exact.rounded("amount_e12", "remainder", "minor_digits").alias("amount_units"),
        "place",
        "minor_digits",
    )
    return exact.refuse_large_lines(prorated, "amount_units", names)


def _beside_usage(fees: pl.DataFrame, accrued: pl.DataFrame, bounded: pl.DataFrame) -> pl.DataFrame:
    """A minimum is owed as far as usage does not reach it, a maximum gives back what is beyond it; other fees stay as they are.

    bounded: the windows (contract_id, accrued_by) in which a maximum holds: usage of others has no bound.
    """
    zero = exact.int128(0)
    used = accrued.group_by(PERIOD).agg(used=pl.col("units").sum())
    used_of_bounded = (
        accrued.join(bounded, on=["contract_id", "accrued_by"], how="semi")
        .group_by(PERIOD)
        .agg(used_of_bounded=pl.col("units").sum())
    )
    is_minimum, is_maximum = (pl.col("kind") == kind for kind in ("minimum_commitment", "maximum_spend"))
    counted = (
        fees.join(used, on=PERIOD, how="left", maintain_order="left")
        .join(used_of_bounded, on=PERIOD, how="left", maintain_order="left")
        .with_columns(
            counted=pl.when(is_minimum).then("used").when(is_maximum).then("used_of_bounded").fill_null(zero),
        )
    )
    left = pl.col("amount_units") - pl.col("counted")
    owed = pl.when(is_minimum).then(pl.max_horizontal(left, zero)).when(is_maximum).then(pl.min_horizontal(left, zero))
    exact_owed = exact.as_int128("exact_amount") - pl.col("counted") * exact.per_minor(tables.PRICE_SCALE)
    return counted.with_columns(
        amount_units=owed.otherwise("amount_units"),
        exact_amount=pl.when(is_minimum | is_maximum).then(exact.decimal(exact_owed, tables.PRICE)).otherwise("exact_amount"),
    ).drop("counted", "used", "used_of_bounded")
