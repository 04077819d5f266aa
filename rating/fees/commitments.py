"""Commitments: what a contract's usage has to come to over some time, billed as far as it does not (R-106)."""

from __future__ import annotations

import polars as pl

from rating import tables
from rating.arithmetic import exact
from rating.catalog import Catalog
from rating.fees.agreed import PERIOD, agreed_lines
from rating.schedule import commitments

OF_PERIODS = ("maximum_spend", "minimum_commitment")  # lines that count beside usage, where all meters do


def commitments_due(catalog: Catalog, periods: pl.DataFrame) -> pl.DataFrame:
    """The commitments that end in some periods, or with them the contract: those of `schedule.commitments`, and period_start.

    periods: PERIODS. A commitment is due with the period that holds its last day.
    """
    of_contracts = commitments(catalog.contracts, catalog)
    if of_contracts.is_empty():
        return of_contracts.with_columns(period_start=pl.lit(None, dtype=tables.INSTANT))
    ends = catalog.contracts.select("contract_id", contract_end="end_date")
    is_over = pl.col("to_date") <= pl.col("end_date")
    is_last = (pl.col("end_date") >= pl.col("contract_end")).fill_null(value=False)
    return (
        of_contracts.join(periods.select(*PERIOD, "start_date", "end_date"), on="contract_id", maintain_order="left")
        .join(ends, on="contract_id", how="left", maintain_order="left")
        .filter(pl.col("start_date") < pl.col("to_date"), is_over | is_last)
        .drop("start_date", "end_date", "contract_end")
    )


def periods_counted(due: pl.DataFrame, periods: pl.DataFrame, closed: pl.DataFrame) -> pl.DataFrame:
    """The periods whose usage counts to commitments that are due, but for those that are closed: contract_id, period_start.

    due: `commitments_due`. periods: PERIODS begun by as_of. closed: contract_id, period_start.
    """
    return (
        periods.join(due.select("contract_id", "valid_from", "valid_to"), on="contract_id")
        .filter(pl.col("period_end") > pl.col("valid_from"), pl.col("period_start") < pl.col("valid_to"))
        .select(PERIOD)
        .unique()
        .join(closed, on=PERIOD, how="anti")
    )


def commitment_lines(catalog: Catalog, due: pl.DataFrame, counted: pl.DataFrame) -> pl.DataFrame:
    """CHARGES of the kind commitment_shortfall: the amount less what counts; `pricing_code` is the commitment's id.

    due: `commitments_due`. counted: contract_id, kind, meter_code, accrued_by, units: what was charged, as it is now or as it was
    issued for closed periods, by the end of the window in which it accrues (maximum and minimum lines: of their period).
    """
    is_of_meters = pl.col("meters").is_null() | pl.col("meter_code").is_in("meters")
    counts = ((pl.col("kind") == "usage") & is_of_meters.fill_null(value=False)) | (
        pl.col("kind").is_in(OF_PERIODS) & pl.col("meters").is_null()
    )
    commitment = ["contract_id", "commitment_id"]
    reached = (
        due.select(*commitment, "valid_from", "valid_to", "meters")
        .join(counted, on="contract_id")
        .filter(pl.col("accrued_by") > pl.col("valid_from"), pl.col("accrued_by") <= pl.col("valid_to"), counts)
        .group_by(commitment)
        .agg(reached=pl.col("units").sum())
    )
    owed = (
        due.join(reached, on=commitment, how="left", maintain_order="left")
        .join(catalog.contracts.select("contract_id", "minor_digits"), on="contract_id", how="left", maintain_order="left")
        .with_columns(
            amount_units=exact.as_int128("amount") // exact.money_per_minor() - pl.col("reached").fill_null(exact.int128(0)),
            pricing_code=pl.col("commitment_id"),
            description=pl.format("Commitment shortfall {}", "commitment_id"),
            unit_rate=pl.col("amount").cast(tables.PRICE),
        )
        .filter(pl.col("amount_units") > 0)
        .sort("contract_id", "period_start", "commitment_id")
    )
    return agreed_lines(owed, "commitment_shortfall")
