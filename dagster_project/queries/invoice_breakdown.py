"""An invoice taken apart: document, lines, tiers, usage, credits, events (R-41). Reads what is published; writes nothing.

What belongs here: the questions that an invoice answers. What does not: how the answers look (`commands/explaining.py`).
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from typing import Any

import duckdb
import polars as pl

from dagster_project.errors import UserError
from dagster_project.warehouse.database import connect, fetch, published
from dagster_project.warehouse.paths import Warehouse

Row = dict[str, Any]

DOCUMENT = "from marts.invoices where number = ? or invoice_id = ?"
LINES = "from marts.invoice_lines where invoice_id = ? order by line_no"
TIERS = "from marts.tier_charges where invoice_id = ? order by line_no, tier_no"
CREDITS = """
    from marts.credit_ledger
    select line_no, type, grant_id, amount, balance_after
    where invoice_id = ?
    order by line_no, occurred_at, grant_id
"""
# a line's windows follow on each other from its price_from; meters that are rated over the whole period have one
USAGE = """
    select lines.line_no, usage.window_start, usage.window_end, usage.quantity, usage.event_count, shares.amount
    from marts.invoice_lines as lines
    inner join marts.invoices as invoices using (invoice_id)
    inner join marts.line_shares as shares
        on lines.invoice_id = shares.invoice_id and lines.line_no = shares.line_no
    inner join marts.usage as usage
        on invoices.contract_id = usage.contract_id
        and lines.meter_code = usage.meter_code
        and lines.dimensions is not distinct from usage.dimensions
        and shares.window_start = usage.window_start
        and shares.window_end = usage.window_end
    where lines.invoice_id = ?
    order by lines.line_no, usage.window_start
"""
EVENTS = """
    select "timestamp", event_name, number as value, file, position, element, received_at, count(*) over () as events
    from intermediate.int_metered_events
    where meter_code = $meter and contract_id = $contract and "timestamp" >= $start and "timestamp" < $end
        and dimensions = $dimensions
    order by "timestamp", file, position, element
    limit {most}
"""
MOST_NAMED = 5

UNMATCHED = """
    select disposition, event_name, count(*)::bigint as events, min_by(file || ':' || position, (file, position)) as for_example
    from intermediate.int_event_dispositions
    where strftime("timestamp", '%Y-%m') = $period and disposition not in ('metered', 'superseded', 'voided')
    group by all
    order by events desc, disposition, event_name
"""


@dataclass(frozen=True, slots=True)
class Account:
    """One document and everything behind its lines; every frame but `document` has line_no."""

    document: Row
    lines: pl.DataFrame
    tiers: pl.DataFrame
    usage: pl.DataFrame
    credits: pl.DataFrame


def account_of(warehouse: Warehouse, invoice: str) -> Account:
    """The account of an invoice, by number or invoice_id. Raises `UserError` if there is none."""
    with published(warehouse) as connection:
        found = fetch(connection, DOCUMENT, [invoice, invoice])
        if found.is_empty():
            raise UserError(f"There is no invoice `{invoice}` in {warehouse.root}. {_nearest(connection, invoice)}")
        document = found.row(0, named=True)
        frames = (fetch(connection, query, [document["invoice_id"]]) for query in (LINES, TIERS, USAGE, CREDITS))
        return Account(document, *frames)


def events_of(warehouse: Warehouse, document: Row, line: Row, until: Any, most: int) -> pl.DataFrame:
    """The first `most` event versions behind a usage line, with the landed file and position of each; `events` counts all.

    until: end of the line's last window. Raises `UserError` while a run is at work, which has the events to itself.
    """
    with _events(warehouse) as connection:
        params = {
            "meter": line["meter_code"],
            "contract": document["contract_id"],
            "start": line["price_from"],
            "end": until,
            "dimensions": line["dimensions"] or "{}",
        }
        return fetch(connection, EVENTS.format(most=most), params)


def unmatched_of(warehouse: Warehouse, period: str) -> pl.DataFrame:
    """disposition, event_name, events, for_example: events of a UTC month that nobody is billed for, with a place where one landed.

    Raises `UserError` while a run is at work, which has the events to itself.
    """
    with _events(warehouse) as connection:
        return fetch(connection, UNMATCHED, {"period": period})


def _events(warehouse: Warehouse) -> duckdb.DuckDBPyConnection:
    """dbt's own database, where every event has its disposition; a run that is at work holds it alone."""
    if not warehouse.work_database.exists():
        raise UserError(f"{warehouse.derived} was deleted. Run `meterhouse run` to have it built again.")
    try:
        return connect(warehouse.work_database, read_only=True)
    except duckdb.IOException:
        raise UserError(f"The events of {warehouse.root} are being worked on. Ask again when the run has ended.") from None


def _nearest(connection: duckdb.DuckDBPyConnection, asked: str) -> str:
    """What was probably meant: a number written otherwise, the contracts of a customer, a name that is nearly that."""
    if found := re.fullmatch(r"(?i)\s*(?:inv)?[-_ ]?0*(\d+)\s*", asked):
        number = f"INV-{int(found[1]):06d}"
        if not fetch(connection, "select 1 from marts.invoices where number = ?", [number]).is_empty():
            return f"Did you mean {number}?"
    of_customer = "select contract_id from marts.contracts where customer_id = $1 or customer_id in "
    of_customer += "(select customer_id from marts.customers where external_id = $1) order by all"
    contracts = fetch(connection, of_customer, [asked]).get_column("contract_id").to_list()
    if contracts:
        return f"`{asked}` is a customer; its contracts are {', '.join(contracts[:MOST_NAMED])}."
    names = fetch(
        connection,
        "select contract_id as name from marts.contracts union select invoice_id from marts.invoices "
        "union select number from marts.invoices where number is not null order by all",
    )
    near = difflib.get_close_matches(asked, names.get_column("name").to_list(), MOST_NAMED, 0.75)
    return f"Did you mean {', '.join(near)}?" if near else _some_numbers(connection)


def _some_numbers(connection: duckdb.DuckDBPyConnection) -> str:
    last, draft = connection.sql(
        "select max(number), min(invoice_id) filter (status = 'draft') from marts.invoices"
    ).fetchall()[0]
    known = [f"numbers run to {last}"] if last else []
    known += [f"drafts are named like `{draft}`"] if draft else []
    return f"There, {' and '.join(known)}." if known else "It holds none yet."
