"""What an `initial` invoice bills: one-time charges at the contract's start, and prepaid grants (R-28, R-35, R-36)."""

from __future__ import annotations

from datetime import datetime

import polars as pl

from rating import tables
from rating.arithmetic import exact
from rating.calendar import first_instants, local_dates
from rating.catalog import Catalog
from rating.documents import Documents
from rating.schedule import Schedule, in_force

ONE = 10**9


def initial_lines(
    catalog: Catalog, schedule: Schedule, first_fees: pl.DataFrame, issued: Documents, as_of: datetime
) -> pl.DataFrame:
    """CHARGES of initial invoices up to as_of that are not billed yet, with `day` (local date; period_start is its first instant).

    first_fees: as `advance.first_fees`.
    Amounts of 0 make no line. A grant or charge is billed once: one that the books bring later is billed for its day all the same.
    """
    charges = pl.concat([_one_time(catalog, schedule), _prepaid(catalog)], how="vertical_relaxed")
    charges = charges.with_columns(
        first_instants(charges.get_column("day"), charges.get_column("timezone")).alias("period_start")
    )
    charges = charges.with_columns(amount_e12=exact.as_int128("unit_rate"), remainder=exact.int128(0)).filter(
        pl.col("period_start") <= as_of, pl.col("amount_e12") != 0
    )
    billed = issued.lines.join(
        issued.invoices.filter(pl.col("kind") == "initial").select("invoice_id", "contract_id"), on="invoice_id"
    )
    what = ["contract_id", "kind", "pricing_code", "grant_id"]
    new, first_fees = (
        found.join(billed.select(what), on=what, how="anti", nulls_equal=True, maintain_order="left")
        for found in (charges, first_fees)
    )
    amounts = new.with_columns(
        quantity=exact.decimal(exact.int128(ONE), tables.QUANTITY),
        per=exact.decimal(exact.int128(ONE), tables.QUANTITY),
        exact_amount=exact.decimal("amount_e12", tables.PRICE),
        amount_units=exact.rounded("amount_e12", "remainder", "minor_digits"),
        price_from=pl.col("period_start"),
        event_count=pl.lit(0),
    )
    return pl.concat(
        [
            tables.CHARGES.frame(amounts).with_columns(amounts.get_column("day")),
            first_fees.filter(pl.col("period_start") <= as_of),
        ]
    )


COLUMNS = [
    "contract_id",
    "timezone",
    "minor_digits",
    "day",
    "kind",
    "rank",
    "pricing_code",
    "description",
    "unit_rate",
    "place",
    "grant_id",
]


def _approved(catalog: Catalog) -> pl.DataFrame:
    return catalog.contracts.filter(pl.col("status") == "approved").select(
        "contract_id", "timezone", "minor_digits", "start_date"
    )


def _one_time(catalog: Catalog, schedule: Schedule) -> pl.DataFrame:
    """one_time pricings of the plan at the contract's start, at the contract's own amount where an override holds then."""
    first_terms = schedule.terms.sort("contract_id", "valid_from").group_by("contract_id", maintain_order=True).first()
    one_time = catalog.plan_pricings.join(catalog.pricings.filter(pl.col("model") == "one_time"), on="pricing_code")
    charged = first_terms.join(_approved(catalog), on="contract_id").join(one_time, on="plan_code")
    starts = first_terms.select("contract_id", start="valid_from")
    own = (
        schedule.overrides.filter(pl.col("pricing_code").is_not_null(), pl.col("percent_off").is_null())
        .join(starts, on="contract_id")
        .filter(in_force("start"))
        .select("contract_id", "pricing_code", own_amount="unit_amount", own_place="place")
    )
    return charged.join(own, on=["contract_id", "pricing_code"], how="left").select(
        "contract_id",
        "timezone",
        "minor_digits",
        pl.col("start_date").alias("day"),
        pl.lit("one_time").alias("kind"),
        pl.col("pricing_order").alias("rank"),
        "pricing_code",
        pl.col("name").alias("description"),
        pl.coalesce("own_amount", "unit_amount").alias("unit_rate"),
        pl.coalesce("own_place", "place").alias("place"),
        pl.lit(None, dtype=pl.String).alias("grant_id"),
    )


def _prepaid(catalog: Catalog) -> pl.DataFrame:
    """Prepaid grants of approved contracts: the price, not the value."""
    grants = catalog.credit_grants.filter(pl.col("kind") == "prepaid").join(_approved(catalog), on="contract_id")
    day = local_dates(grants.get_column("effective_at"), grants.get_column("timezone"))
    return (
        grants.with_columns(day=day)
        .sort("contract_id", "effective_at", "grant_id")
        .with_columns(rank=pl.int_range(pl.len()).over("contract_id"))
        .with_columns(
            kind=pl.lit("prepaid_purchase"),
            pricing_code=pl.lit(None, dtype=pl.String),
            description=pl.concat_str(pl.lit("Prepaid credits "), "grant_id"),
            unit_rate=pl.col("price").cast(tables.PRICE),
        )
        .select(COLUMNS)
    )
