"""What a deal will be billed, by the kernel of the run: its first documents, with no usage and with the events that wait (R-76)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import duckdb
import polars as pl

from dagster_project.errors import UserError
from dagster_project.landing import raw_tables
from dagster_project.pipeline.contract_copies import one_contract
from dagster_project.pipeline.metering import metering_of
from dagster_project.pipeline.usage_so_far import waiting_events
from dagster_project.warehouse.paths import Warehouse
from rating import tables
from rating.books import Books
from rating.calendar import first_instants
from rating.documents import Documents
from rating.schedule import Schedule, build_schedule
from rating.shards import Shard, rate_or_hold_back

PERIODS = 3
YEARS_TOLD = 10
COMMITTED = ("base_fee", "flat", "one_time", "minimum_commitment", "commitment_shortfall", "prepaid_purchase", "manual")


@dataclass(frozen=True, slots=True)
class Simulated:
    """documents: kind, period, lines and total of the first documents without usage; with_waiting: with the events that wait.

    committed: what the deal adds to what is owed over the whole term without usage; None where that has no end.
    """

    currency: str
    documents: list[dict[str, Any]]
    waiting_events: int
    with_waiting: list[dict[str, Any]]
    committed: Decimal | None


def simulate(books: Books, contract: str, start: str, warehouse: Warehouse, before: Books) -> Simulated:
    """The first documents of a contract from a day on, under books that hold the change; before: the books without it."""
    one = one_contract(books, contract)
    row = one.contracts.row(0, named=True)
    begins: datetime = first_instants(pl.Series([date.fromisoformat(start)]), pl.Series([row["timezone"]])).item()
    ends = (
        None if row["end_date"] is None else first_instants(pl.Series([row["end_date"]]), pl.Series([row["timezone"]])).item()
    )
    farthest = begins + timedelta(days=366 * YEARS_TOLD)
    horizon = min(ends or farthest, farthest) + timedelta(hours=1)
    schedule = build_schedule(one, horizon)
    everything = _rated(one, schedule, tables.USAGE.empty(), horizon)
    first = _first(everything, begins)
    waits = _waiting(warehouse, one)
    with_waiting: list[dict[str, Any]] = []
    if waits.height:
        usage = metering_of(one).of(one, schedule, waits.with_columns(contract_id=pl.lit(None, dtype=tables.TEXT))).usage
        with_waiting = _first(_rated(one, schedule, usage, horizon), begins)
    committed = None if ends is None else _committed(everything, begins)
    if committed is not None and contract in before.contracts.get_column("contract_id").to_list():
        # of a contract that stands the deal is what it adds
        stands = one_contract(before, contract)
        as_it_is = _rated(stands, build_schedule(stands, horizon), tables.USAGE.empty(), horizon)
        committed -= _committed(as_it_is, begins)
    return Simulated(row["currency"], first, waits.height, with_waiting, committed)


def _waiting(warehouse: Warehouse, one: Books) -> pl.DataFrame:
    """raw_tables.EVENTS of the contract's customers that wait; none while a run holds them."""
    try:
        return waiting_events(warehouse, one.customers)
    except (UserError, duckdb.Error):
        return raw_tables.EVENTS.empty()


def _rated(one: Books, schedule: Schedule, usage: pl.DataFrame, as_of: datetime) -> Documents:
    """What would be issued, numbers apart."""
    rated = rate_or_hold_back(Shard(one, schedule, usage, Documents.none(), as_of, issue=False))
    return Documents(rated.invoices, rated.lines, rated.tiers, rated.shares, rated.ledger)


def _first(documents: Documents, begins: datetime) -> list[dict[str, Any]]:
    """The initial document, and those of the first periods."""
    headers = documents.invoices.filter(_is_from(begins)).sort("period_start", "invoice_id")
    initial = headers.filter(pl.col("kind") == "initial").head(1)
    periods = headers.filter(pl.col("kind") == "period").head(PERIODS)
    return [_document(row, documents.lines) for row in pl.concat([initial, periods]).iter_rows(named=True)]


def _is_from(begins: datetime) -> pl.Expr:
    """Documents of periods that end after an instant, and of initial days from it on."""
    return (pl.col("period_end") > begins) | ((pl.col("kind") == "initial") & (pl.col("period_start") >= begins))


def _document(row: Mapping[str, Any], lines: pl.DataFrame) -> dict[str, Any]:
    mine = lines.filter(pl.col("invoice_id") == row["invoice_id"], pl.col("amount") != 0).sort("line_no")
    return {
        "kind": row["kind"],
        "period_start": f"{row['period_start']:%Y-%m-%dT%H:%M:%SZ}",
        "period_end": f"{row['period_end']:%Y-%m-%dT%H:%M:%SZ}",
        "lines": [
            {
                "description": line["description"],
                "quantity": f"{line['quantity'].normalize():f}",
                "amount": f"{line['amount']:f}",
            }
            for line in mine.iter_rows(named=True)
        ],
        "subtotal": f"{row['subtotal']:f}",
        "credits_applied": f"{row['credits_applied']:f}",
        "total": f"{row['total']:f}",
    }


def _committed(documents: Documents, begins: datetime) -> Decimal:
    """What is owed from a day on whatever is used: fees, minimums, what is paid for credits."""
    mine = documents.invoices.filter(_is_from(begins)).select("invoice_id")
    total = documents.lines.join(mine, on="invoice_id").filter(pl.col("kind").is_in(COMMITTED)).get_column("amount").sum()
    return Decimal(total or 0)
