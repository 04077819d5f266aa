"""Documents as they are sent: header, lines by product, credits and what is left of them, each from its rows alone (R-82).

What belongs here: which rows, in which order and groups. What does not: how they look (`render/documents`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import polars as pl

from dagster_project.errors import UserError
from dagster_project.warehouse.database import fetch
from rating.calendar import local_date

Row = dict[str, Any]

# a product is shown with its own sum where it has so many lines
MANY = 4
CHUNK = 500

CHOSEN = """
    select invoice_id from marts.invoices
    where {condition}
    order by number nulls last, invoice_id
"""
HEADERS = """
    select invoices.*, letterheads.* exclude (invoice_id), originals.number as adjusts_number,
        originals.period_start as adjusts_start, originals.period_end as adjusts_end
    from marts.invoices as invoices
    inner join marts.letterheads as letterheads on invoices.invoice_id = letterheads.invoice_id
    left join marts.invoices as originals on invoices.adjusts_invoice_id = originals.invoice_id
    where invoices.invoice_id in (select unnest($ids))
"""
LINES = """
    select
        lines.* exclude (pricing_name),
        -- documents of before names were kept are named as pricings are now
        coalesce(lines.pricing_name, pricings.name) as pricing_name,
        lines.kind = 'usage' as is_usage
    from marts.invoice_lines as lines
    left join marts.pricings as pricings on lines.pricing_code = pricings.pricing_code
    where lines.invoice_id in (select unnest($ids))
    order by lines.invoice_id, lines.line_no
"""
TIERS = """
    select * from marts.tier_charges where invoice_id in (select unnest($ids)) order by invoice_id, line_no, tier_no
"""
# what a document gives back to a grant is entered before what it draws from it
CREDITS = """
    select
        invoice_id,
        grant_id,
        sum(amount)::decimal(38, 4) as amount,
        coalesce(min(balance_after) filter (type = 'usage'), max(balance_after)) as balance_after
    from marts.credit_ledger
    where type in ('usage', 'reversal') and invoice_id in (select unnest($ids))
    group by invoice_id, grant_id
    order by invoice_id, grant_id
"""


@dataclass(frozen=True, slots=True)
class Product:
    """Lines that are shown together. subtotal: None where they are too few to need one."""

    name: str
    lines: tuple[Row, ...]
    subtotal: Decimal | None


@dataclass(frozen=True, slots=True)
class Document:
    """header: marts.invoices and marts.letterheads of it; starts_on, ends_on, issued_on: local days, both ends included. lines:
    marts.invoice_lines, each with `tiers`. credits: grant_id, amount (negative: drawn), balance_after."""

    header: Row
    lines: tuple[Row, ...]
    products: tuple[Product, ...]
    credits: tuple[Row, ...]

    @property
    def name(self) -> str:
        """Number of an issued document, id of a draft."""
        return str(self.header["number"] or self.header["invoice_id"])

    @property
    def is_draft(self) -> bool:
        return bool(self.header["status"] == "draft")


def ids_of(marts: duckdb.DuckDBPyConnection, *, period: str | None = None, invoice: str | None = None) -> list[str]:
    """invoice_ids of the documents of a billing month (every one without), or of one by number or id, by number, then drafts.

    Raises `UserError` where there is none.
    """
    conditions, named = ["true"], {}
    if period is not None:
        conditions.append('"month" = $period')
        named["period"] = period
    if invoice is not None:
        conditions.append("(number = $invoice or invoice_id = $invoice)")
        named["invoice"] = invoice
    found = fetch(marts, CHOSEN.format(condition=" and ".join(conditions)), named or None)
    if found.is_empty():
        what = f"is called {invoice}" if invoice else f"is of the billing month {period}" if period else "is in these marts"
        raise UserError(f"No document {what}. `meterhouse close` lists a month's; numbers look like INV-000001.")
    return found.get_column("invoice_id").to_list()


def documents(marts: duckdb.DuckDBPyConnection, ids: Sequence[str]) -> Iterator[Document]:
    """The documents of these invoice_ids, in their order."""
    for first in range(0, len(ids), CHUNK):
        chunk = list(ids[first : first + CHUNK])
        headers = {row["invoice_id"]: row for row in fetch(marts, HEADERS, {"ids": chunk}).iter_rows(named=True)}
        lines, tiers, grants = (_by_document(fetch(marts, query, {"ids": chunk})) for query in (LINES, TIERS, CREDITS))
        for invoice_id in chunk:
            yield _document(
                headers[invoice_id], lines.get(invoice_id, []), tiers.get(invoice_id, []), grants.get(invoice_id, [])
            )


def _by_document(frame: pl.DataFrame) -> Mapping[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in frame.iter_rows(named=True):
        found.setdefault(row["invoice_id"], []).append(row)
    return found


def _document(header: Row, lines: list[Row], tiers: list[Row], grants: list[Row]) -> Document:
    zone = ZoneInfo(header["timezone"])
    header = header | _days(header, zone)
    for line in lines:
        line["tiers"] = [tier for tier in tiers if tier["line_no"] == line["line_no"]]
        line["service_from"] = _local(line["service_start"], zone)
        line["service_to"] = _last_day(line["service_end"], zone)
    return Document(header, tuple(lines), tuple(_products(lines)), tuple(grants))


def _days(header: Row, zone: ZoneInfo) -> Row:
    start = _local(header["period_start"], zone)
    issued_on = _local(header["issued_at"], zone)
    net = (header["due_date"] - issued_on).days if header["due_date"] and issued_on else None
    return {
        "starts_on": start,
        # an initial invoice is of one day, and its period has no length
        "ends_on": start if header["period_end"] == header["period_start"] else _last_day(header["period_end"], zone),
        "issued_on": issued_on,
        "net_days": net,
        "adjusts_from": _local(header["adjusts_start"], zone),
        "adjusts_to": _last_day(header["adjusts_end"], zone),
    }


def _local(instant: datetime | None, zone: ZoneInfo) -> date | None:
    return None if instant is None else local_date(instant, zone)


def _last_day(end: datetime | None, zone: ZoneInfo) -> date | None:
    return None if end is None else _local(end - timedelta(microseconds=1), zone)


def _products(lines: Sequence[Row]) -> Iterator[Product]:
    """Lines that follow each other and are of one pricing."""
    groups: list[list[Row]] = []
    for line in lines:
        key = (line["kind"], line["pricing_code"])
        if groups and key == (groups[-1][0]["kind"], groups[-1][0]["pricing_code"]):
            groups[-1].append(line)
        else:
            groups.append([line])
    for group in groups:
        many = len(group) >= MANY
        total = sum((line["amount"] for line in group), Decimal(0))
        yield Product(group[0]["pricing_name"] or group[0]["description"], tuple(group), total if many else None)
