"""A month's issued lines in the columns of FOCUS 1.2, customer by customer, as files that FinOps tools load (R-82b)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import duckdb

from dagster_project.errors import UserError
from dagster_project.warehouse.database import fetch, literal

FORMATS = ("csv", "parquet")
INSTANTS = ("BillingPeriodEnd", "BillingPeriodStart", "ChargePeriodEnd", "ChargePeriodStart")

CUSTOMERS = """
    select distinct "BillingAccountId" as customer_id from marts.focus
    where "x_BillingMonth" = $period and ($customer is null or "BillingAccountId" = $customer)
    order by customer_id
"""
ROWS = """
    select * replace ({instants}) from marts.focus
    where "x_BillingMonth" = {period} and "BillingAccountId" = {customer}
    order by "InvoiceId", "x_LineNumber", "x_CreditGrantId" nulls first
"""
# FOCUS: instants of a text file are ISO 8601 in UTC
TEXT = 'strftime("{name}", \'%Y-%m-%dT%H:%M:%SZ\') as "{name}"'
TYPED = 'timezone(\'UTC\', "{name}") as "{name}"'


def customers(marts: duckdb.DuckDBPyConnection, period: str, customer: str | None) -> Sequence[str]:
    """Customers with issued documents in a billing month; one of them where it is named. Raises `UserError` where there is none."""
    found: list[str] = fetch(marts, CUSTOMERS, {"period": period, "customer": customer}).get_column("customer_id").to_list()
    if not found:
        whose = f"No document of {customer}" if customer else "No document"
        raise UserError(
            f"{whose} that is issued belongs to the billing month {period}. `meterhouse close` lists a month's; drafts are not "
            "in marts.focus."
        )
    return found


def write(marts: duckdb.DuckDBPyConnection, period: str, customer: str, kind: str, place: Path) -> int:
    """Write a customer's rows of a month; how many."""
    shown = TEXT if kind == "csv" else TYPED
    rows = ROWS.format(
        instants=", ".join(shown.format(name=name) for name in INSTANTS), period=literal(period), customer=literal(customer)
    )
    options = "format csv, header" if kind == "csv" else "format parquet"
    [(written,)] = marts.execute(f"copy ({rows}) to {literal(str(place))} ({options})").fetchall()
    return int(written)
