"""`meterhouse reconcile`: a month's control totals, and what does not match and why."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from dagster_project import settings
from dagster_project.cli.screen import screen, table
from dagster_project.errors import UserError
from dagster_project.queries.invoice_breakdown import unmatched_of
from dagster_project.warehouse.database import fetch, published
from dagster_project.warehouse.paths import Warehouse
from rating.vocabulary import SETTLED

COUNTED = str(SETTLED)
SAMPLES = 10

EVENTS = """
    select event_name, disposition, sum(events)::bigint as events
    from marts.reconciliation
    where period = $period and meter_code is null
    group by all
    order by event_name, events desc
"""
METERS = """
    select meter_code, disposition, currency, sum(events)::bigint as events, sum(quantity)::decimal(38, 9) as quantity,
        sum(amount)::decimal(38, 4) as amount
    from marts.reconciliation
    where period = $period and meter_code is not null
    group by all
    order by meter_code, disposition, currency
"""
UNMATCHED = f"""
    select disposition, event_name, customer_reference as customer, pinned_contract_id as pinned_to, sum(events)::bigint as events
    from marts.unmatched_events
    where period = $period and disposition not in {COUNTED}
    group by all
    order by events desc, disposition, event_name, customer
    limit {SAMPLES}
"""
NOT_BILLED = """
    select disposition as what, event_name, null as meter_code, sum(events)::bigint as events
    from marts.reconciliation
    where period = $period and meter_code is null and disposition <> 'metered'
    group by all
    union all
    select disposition, event_name, meter_code, sum(events)::bigint
    from marts.reconciliation
    where period = $period and meter_code is not null and disposition <> 'metered'
    group by all
    union all
    select 'quarantined', file, null, count(*)
    from marts.quarantine
    where strftime(received_at, '%Y-%m') = $period
    group by all
    order by events desc, what, event_name, meter_code
"""
# invoices of a billing month beside the ledger entries of their lines
BILLING_MONTH = """
    with of_month as (
        select * from marts.invoices where "month" = $period and status = 'issued'
    ),
    drawn as (
        select ledger.currency, sum(-ledger.amount)::decimal(38, 4) as amount
        from marts.credit_ledger as ledger semi join of_month on ledger.invoice_id = of_month.invoice_id
        where ledger.status = 'posted'
        group by all
    ),
    billed as (
        select currency, count(*) as invoices, sum(subtotal)::decimal(38, 4) as lines,
            sum(credits_applied)::decimal(38, 4) as credits_applied, sum(total)::decimal(38, 4) as total
        from of_month
        group by all
    )
    select billed.currency, billed.invoices, billed.lines, billed.credits_applied, billed.total,
        coalesce(drawn.amount, 0)::decimal(38, 4) as ledger
    from billed left join drawn on billed.currency = drawn.currency
    order by billed.currency
"""
DEFERRED = """
    select currency, opening, sold, used, expired, closing
    from marts.deferred_revenue_by_month
    where "month" = $period
    order by all
"""
QUARANTINE = f"""
    select reason, count(*) as lines, min(file || ':' || position) as for_example
    from marts.quarantine
    where strftime(received_at, '%Y-%m') = $period
    group by all
    order by lines desc, reason
    limit {SAMPLES}
"""


def reconcile(folder: Path, period: str) -> None:
    """Print the control totals of the events of a UTC month. Raises `UserError` for a month without events."""
    named = {"period": settings.month(period)}
    warehouse = Warehouse(folder)
    with published(warehouse) as connection:
        events, meters, not_billed, unmatched, quarantine, billed, deferred = (
            fetch(connection, query, named)
            for query in (EVENTS, METERS, NOT_BILLED, UNMATCHED, QUARANTINE, BILLING_MONTH, DEFERRED)
        )
    if events.is_empty() and quarantine.is_empty() and billed.is_empty():
        raise UserError(f"No event of {period} has landed in {folder}.")
    for title, rows, money_columns in (
        (f"Events of {period}: every landed version once", events, ()),
        ("What the meters took of them", meters, ("amount",)),
        ("Not billed, by reason", not_billed, ()),
        ("Not billed, and to whom it belongs", unmatched, ()),
        (f"Quarantined in {period}", quarantine, ()),
    ):
        if rows.height:
            screen.print(table(title, rows, money_columns=money_columns), "")
    if unmatched.height:
        screen.print(table("Not billed, and where one of them landed", unmatched_of(warehouse, period)), "")
    counted = int(events.get_column("events").sum())
    screen.print(f"{counted:,} versions landed = {counted:,} with a disposition.")
    for title, rows in (
        (f"Billing month {period}: invoices and ledger", billed),
        ("Prepaid credits, at cost", deferred),
    ):
        if rows.height:
            amounts = [name for name in rows.columns if name not in ("currency", "invoices")]
            screen.print("", table(title, rows, money_columns=amounts))
    differing = billed.filter(pl.col("credits_applied") != pl.col("ledger"))
    if differing.height:
        raise UserError(f"Credits of {period} on invoices and in the ledger differ. Run `meterhouse verify`.")
