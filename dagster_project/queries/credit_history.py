"""The credits of one contract over time: what its wallet held at the end of each month, and how it will fare. Writes nothing.

What belongs here: reading what is published, and balances by month. What does not: the outlook (`credit_runway.py`) and how it looks
(`commands/burning_down.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import polars as pl

from dagster_project.checks.credit_runway import outlooks
from dagster_project.errors import UserError
from dagster_project.queries.invoice_breakdown import Row
from dagster_project.warehouse import issued
from dagster_project.warehouse.database import fetch, published
from dagster_project.warehouse.paths import Warehouse
from rating import calendar, tables

IS_CONTRACT = """
    select count(*) filter (contract_id = $name) > 0 and count(*) filter (number = $name or invoice_id = $name) = 0
    from marts.invoices
"""


@dataclass(frozen=True, slots=True)
class BurnDown:
    """The wallet of one contract.

    outlook: its row of OUTLOOKS.
    months: month_end (date), posted and with_drafts (MONEY): what the wallet held at the end of each local month, oldest first.
    grants: grant_id, kind, amount, from_day, until (local dates; until null: never lapses), by from_day.
    """

    contract_id: str
    outlook: Row
    months: pl.DataFrame
    grants: pl.DataFrame


def is_contract(warehouse: Warehouse, name: str) -> bool:
    """Whether a name is that of a billed contract, and of no invoice. Raises `UserError` where no run has published any marts."""
    with published(warehouse) as connection:
        return bool(connection.sql(IS_CONTRACT, params={"name": name}).fetchall()[0][0])


def burn_down_of(warehouse: Warehouse, contract_id: str) -> BurnDown | None:
    """The burn-down of a contract as the last run left it; None where it was never granted credits.

    Raises `UserError` where derived/, which holds the books of the last run, was deleted.
    """
    with published(warehouse) as connection:
        ledger, invoices = (
            table.frame(fetch(connection, f"from marts.{table.name} where contract_id = ?", [contract_id]))
            for table in (tables.CREDIT_LEDGER, tables.INVOICES)
        )
    as_of = issued.latest_as_of(warehouse)
    if ledger.is_empty() or as_of is None:
        return None
    grants, contracts = (
        _books(warehouse, table).filter(pl.col("contract_id") == contract_id)
        for table in (tables.CREDIT_GRANTS, tables.CONTRACTS)
    )
    zone = contracts.item(0, "timezone")
    outlook = outlooks(ledger, invoices, grants, contracts, as_of).row(0, named=True)
    return BurnDown(contract_id, outlook, month_ends(ledger, zone, as_of), _spans(grants, zone))


def month_ends(ledger: pl.DataFrame, zone: str, as_of: datetime) -> pl.DataFrame:
    """month_end, posted, with_drafts: the balance at the end of each local month up to that of as_of, none left out.

    ledger: CREDIT_LEDGER of one contract.
    """
    # a grant belongs to the day it begins with, usage and lapses to the day they end with
    at = pl.when(pl.col("type") == "grant").then("occurred_at").otherwise(pl.col("occurred_at") - calendar.ONE_MICROSECOND)
    now = ledger.head(1).select(occurred_at=pl.lit(as_of, dtype=tables.INSTANT), amount=pl.lit(0, dtype=tables.MONEY))
    dated = pl.concat([ledger.with_columns(occurred_at=at), now], how="diagonal")
    days = calendar.local_dates(dated.get_column("occurred_at"), pl.repeat(zone, dated.height, dtype=pl.String, eager=True))
    this_month = days[-1]
    moved = (
        dated.with_columns(month=pl.min_horizontal(days, pl.lit(this_month)).dt.month_start())
        .group_by("month")
        .agg(
            posted=pl.col("amount").filter(pl.col("status") == "posted").sum(),
            with_drafts=pl.col("amount").sum(),
        )
        .sort("month")
    )
    return (
        moved.upsample("month", every="1mo")
        .with_columns(pl.col("posted", "with_drafts").fill_null(0).cum_sum().cast(tables.MONEY))
        .select(pl.col("month").dt.month_end().alias("month_end"), "posted", "with_drafts")
    )


def _spans(grants: pl.DataFrame, zone: str) -> pl.DataFrame:
    zones = pl.repeat(zone, grants.height, dtype=pl.String, eager=True)
    return grants.select(
        "grant_id",
        "kind",
        "amount",
        from_day=calendar.local_dates(grants.get_column("effective_at"), zones),
        until=calendar.local_dates(grants.get_column("expires_at"), zones),
    ).sort("from_day", "grant_id")


def _books(warehouse: Warehouse, table: tables.Table) -> pl.DataFrame:
    laid = warehouse.books / f"{table.name}.parquet"
    if not laid.exists():
        raise UserError(f"{warehouse.derived} was deleted. Run `meterhouse run` to have it built again.")
    return pl.read_parquet(laid)
