"""Charges that people agree on by hand: one line on the period that holds their day (R-109)."""

from __future__ import annotations

import polars as pl

from rating import tables
from rating.arithmetic import exact
from rating.catalog import Catalog
from rating.fees.agreed import PERIOD, agreed_lines


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
    charged = due.select(
        *PERIOD,
        "place",
        "minor_digits",
        pricing_code="charge_id",
        description="name",
        unit_rate=pl.col("amount").cast(tables.PRICE),
        amount_units=exact.as_int128("amount") // exact.money_per_minor(),
    )
    return agreed_lines(charged, "manual")
