"""`meterhouse explain`: an invoice taken apart (R-41), or the burn-down of a contract's credits."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from pathlib import Path

import polars as pl
from rich.markup import escape
from rich.table import Table
from rich.tree import Tree

from dagster_project.cli.screen import screen, table
from dagster_project.errors import UserError
from dagster_project.queries.credit_history import burn_down_of, is_contract
from dagster_project.queries.invoice_breakdown import Account, Row, account_of, events_of
from dagster_project.render.credit_chart import chart, write_picture
from dagster_project.render.figures import money, number
from dagster_project.render.invoice_page import write_page
from dagster_project.warehouse.paths import Warehouse

MOST_EVENTS = 20
SOURCES = {
    "override": "override of the contract",
    "rate_card": "rate card",
    "fallback": "fallback of the pricing: no entry of the card matches",
    "pricing": "the pricing's own price",
}


def explain(
    folder: Path, name: str, line: int | None, *, with_events: bool, html: Path | None = None, picture: Path | None = None
) -> None:
    """Print the tree of an invoice, or of one line of it, and the burn-down of credits that it drew; of a contract, the burn-down.

    html, picture: files to write the same to. Raises `UserError` for an invoice, contract, line or wallet that is not there.
    """
    warehouse = Warehouse(folder)
    if is_contract(warehouse, name):
        account, burn_down = None, burn_down_of(warehouse, name)
        if burn_down is None:
            raise UserError(f"Contract `{name}` has no credits. Name one of its invoices to have that taken apart.")
    else:
        account = account_of(warehouse, name)
        has_drawn = line is None and account.credits.height
        burn_down = burn_down_of(warehouse, account.document["contract_id"]) if has_drawn or picture else None
        _show(account, line, warehouse, with_events=with_events)
    if burn_down is not None:
        screen.print("", chart(burn_down))
    if html is not None:
        write_page(html, account, burn_down)
    if picture is not None:
        if burn_down is None:
            raise UserError(
                f"{name} belongs to a contract without credits: there is no burn-down to draw. Leave --picture away."
            )
        write_picture(burn_down, picture)


def _show(account: Account, line: int | None, warehouse: Warehouse, *, with_events: bool) -> None:
    lines = account.lines.filter(pl.col("line_no") == line) if line is not None else account.lines
    if line is not None and lines.is_empty():
        raise UserError(f"{_name(account.document)} has no line {line}; its lines are 1 to {account.lines.height}.")
    tree = Tree(_heading(account.document), guide_style="dim")
    for row in lines.iter_rows(named=True):
        branch = tree.add(_line(row))
        _add_reasons(branch, row, account)
        if with_events and row["kind"] == "usage":
            _add_events(branch, row, account, warehouse)
    if line is None:
        tree.add(_totals(account.document))
    screen.print(tree)


def page(account: Account) -> Table:
    """An invoice as its customer reads it."""
    document = account.document
    lines = account.lines.select("line_no", "description", "quantity", "unit_rate", "amount", "credits_applied")
    shown = table(
        f"{_name(document)}  {document['customer_id']}  {_span(document['period_start'], document['period_end'])}, "
        f"due {document['due_date'] or 'when issued'}",
        lines.with_columns(pl.when(pl.col("credits_applied") != 0).then("credits_applied").alias("credits_applied")),
        money_columns=("unit_rate", "amount", "credits_applied"),
    )
    shown.add_section()
    shown.add_row("", "Total", "", "", money(document["subtotal"]), money(document["credits_applied"]))
    shown.add_row("", f"Due, {document['currency']}", "", "", money(document["total"]), "")
    return shown


def _name(document: Row) -> str:
    return str(document["number"] or document["invoice_id"])


def _heading(document: Row) -> str:
    issued = f"issued {_day(document['issued_at'])}, due {document['due_date']}" if document["issued_at"] else "draft"
    corrects = f", corrects {document['adjusts_invoice_id']}" if document["adjusts_invoice_id"] else ""
    return (
        f"[bold]{_name(document)}[/bold]  {document['kind']} of contract {document['contract_id']}, "
        f"customer {document['customer_id']}{corrects}\n"
        f"[dim]{_span(document['period_start'], document['period_end'])}; {issued}; books {document['books_version'][:12]}[/dim]"
    )


def _line(row: Row) -> str:
    what = escape(row["description"])
    service = f" for {_span(row['service_start'], row['service_end'])}" if row["service_start"] is not None else ""
    return f"{row['line_no']}  [bold]{what}[/bold]{service}  {_formula(row)} = [bold]{money(row['amount'])}[/bold]"


# lines that make usage up to an amount or hold it under one: the amount is no rate
BOUNDS = {
    "maximum_spend": "what usage is beyond",
    "minimum_commitment": "what usage lacks of",
    "commitment_shortfall": "what usage lacks of",
}
PRORATED = ("base_fee", "flat")


def _formula(row: Row) -> str:
    if row["kind"] in BOUNDS:
        bound = "what was agreed on for its days" if row["unit_rate"] is None else money(row["unit_rate"])
        difference = "" if row["quantity"] == 1 else "difference in "
        return f"{difference}{BOUNDS[row['kind']]} {bound}"
    if row["service_start"] is not None and row["unit_rate"] is None:
        return "what differs from the terms it was billed at in advance, or more than one amount, by days"
    if row["unit_rate"] is None:
        return f"{number(row['quantity'])} by {'tiers' if row['kind'] == 'usage' else 'days, at more than one amount'}"
    if row["kind"] in PRORATED and row["quantity"] == 1 and row["exact_amount"] != row["unit_rate"]:
        return f"{money(row['unit_rate'])} for a full period, by days"
    per = f" / {number(row['per'])}" if row["per"] not in (None, 1) else ""
    return f"{number(row['quantity'])} × {money(row['unit_rate'])}{per}"


def _add_reasons(branch: Tree, row: Row, account: Account) -> None:
    """Price, tiers, rounding, usage and credits of a line."""
    of_line = pl.col("line_no") == row["line_no"]
    if row["place"]:
        source = f"{SOURCES[row['rate_source']]}, " if row["rate_source"] else ""
        branch.add(f"price: {source}{escape(row['place'])}")
    tiers = account.tiers.filter(of_line)
    if tiers.height:
        ladder = branch.add("tiers")
        for tier in tiers.iter_rows(named=True):
            ladder.add(_tier(tier, row["per"]))
    if row["exact_amount"] != row["amount"]:
        branch.add(f"rounded once from {money(row['exact_amount'])}")
    windows = account.usage.filter(of_line)
    if row["kind"] == "usage" and windows.height and not row["event_count"] and row["quantity"]:
        branch.add("no event of its own: what was reached before goes on, or its events have been taken back")
    for window in windows.iter_rows(named=True):
        counted = f"{number(window['quantity'])} from {_events(window['event_count'])}"
        branch.add(f"usage {_span(window['window_start'], window['window_end'])}: {counted}, {money(window['amount'])}")
    counted_in_all = windows.get_column("quantity").sum()
    if windows.height and account.document["kind"] == "period" and counted_in_all != row["quantity"]:
        branch.add(f"by local days of the full period: {number(row['quantity'])}")
    for entry in account.credits.filter(of_line).iter_rows(named=True):
        holds = f"which then holds {money(entry['balance_after'])}"
        branch.add(f"credits {money(entry['amount'])} ({entry['type']}) of {entry['grant_id']}, {holds}")


def _tier(tier: Row, per: Decimal | None) -> str:
    bounds = f"above {number(tier['lower'])}" + (f" to {number(tier['upper'])}" if tier["upper"] is not None else "")
    each = f" / {number(per)}" if per is not None and per != 1 else ""
    flat = f" + {money(tier['flat_amount'])} for entering" if tier["flat_amount"] else ""
    return f"{bounds}: {number(tier['quantity'])} × {money(tier['unit_amount'])}{each}{flat} = {money(tier['exact_amount'])}"


def _add_events(branch: Tree, row: Row, account: Account, warehouse: Warehouse) -> None:
    ends = account.usage.filter(pl.col("line_no") == row["line_no"]).get_column("window_end")
    if ends.is_empty():
        return
    found = events_of(warehouse, account.document, row, ends.max(), MOST_EVENTS)
    if found.is_empty():
        return
    count = int(found.item(0, "events"))
    shown = branch.add(_events(count) + (f", the first {MOST_EVENTS} of them" if count > MOST_EVENTS else ""))
    for event in found.iter_rows(named=True):
        value = "" if event["value"] is None else f" {number(event['value'])}"
        element = f", event {event['element']}" if event["element"] else ""
        where = f"{escape(event['file'])}:{event['position']}{element}"
        shown.add(f"{_instant(event['timestamp'])}  {escape(event['event_name'])}{value}  [dim]{where}[/dim]")


def _totals(document: Row) -> str:
    paid = f" − {money(document['credits_applied'])} credits" if document["credits_applied"] else ""
    return f"{money(document['subtotal'])}{paid} = [bold]{money(document['total'])} {document['currency']}[/bold]"


def _events(count: int) -> str:
    return f"{count:,} event{'' if count == 1 else 's'}"


def _span(start: datetime, end: datetime) -> str:
    return _instant(start) if start == end else f"{_instant(start)} to {_instant(end)}"


def _instant(instant: datetime) -> str:
    """An instant in UTC, as short as it can be said."""
    if instant.time() == datetime.min.time():
        return f"{instant:%Y-%m-%d}"
    return f"{instant:%Y-%m-%d %H:%M}" if not (instant.second or instant.microsecond) else f"{instant:%Y-%m-%d %H:%M:%S}"


def _day(instant: datetime) -> str:
    return f"{instant:%Y-%m-%d}"
