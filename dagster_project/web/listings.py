"""Lists that pages show: what is in them, how they are filtered and sorted (R-80)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import duckdb
import polars as pl

from dagster_project.warehouse.database import fetch

PAGE = 50


@dataclass(frozen=True, slots=True)
class Listing:
    """path: of the page. rows: SQL. columns: name and label, in order. numbers: aligned to the right. links: column -> path with `{}`.

    of_books: asked of the books of now, not of the marts. order: where nobody sorts.
    """

    path: str
    title: str
    rows: str
    columns: Sequence[tuple[str, str]]
    order: str
    numbers: frozenset[str] = frozenset()
    links: Mapping[str, str] = field(default_factory=dict)
    of_books: bool = False
    says: str = ""
    new: str | None = None  # path of the form that proposes one more
    is_sorted: bool = True  # whether people may sort it
    template: str = "list.html.j2"
    long: frozenset[str] = frozenset({"pricings", "invoice_lines", "meters", "event_names", "group_keys", "billing_address"})

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self.columns]


@dataclass(frozen=True, slots=True)
class Shown:
    """One page of a list."""

    rows: list[dict[str, Any]]
    total: int
    page: int
    pages: int
    search: str
    sort: str
    descending: bool


def shown(connection: duckdb.DuckDBPyConnection, listing: Listing, asked: Mapping[str, str]) -> Shown:
    """The rows of a page, as asked: `q` filters every column, `sort` and `dir` order, `page` counts from 1."""
    search, sort, descending = asked.get("q", "").strip(), asked.get("sort", ""), asked.get("dir") == "desc"
    chosen, named = _chosen(listing, search)
    if search:  # looked through once; what is found is little
        connection.execute(f"create or replace temp table chosen as select * from {chosen}", named)
        chosen, named = "chosen", None
    total = int(fetch(connection, f"select count(*) as total from {chosen}", named).item())
    pages = max(1, -(-total // PAGE))
    page = min(page_asked(asked), pages)
    ordered = f"{_ordered(listing, chosen, sort, descending=descending)} limit {PAGE} offset {(page - 1) * PAGE}"
    rows = list(fetch(connection, ordered, named).iter_rows(named=True))
    return Shown(rows, total, page, pages, search, sort, descending)


def every(
    connection: duckdb.DuckDBPyConnection, listing: Listing, search: str = "", sort: str = "", *, descending: bool = False
) -> pl.DataFrame:
    """All rows that are asked for."""
    chosen, named = _chosen(listing, search)
    return fetch(connection, _ordered(listing, chosen, sort, descending=descending), named)


def _chosen(listing: Listing, search: str) -> tuple[str, dict[str, str] | None]:
    """The rows that hold a text in some column, as SQL, and its parameters."""
    within = " or ".join(f'contains(lower("{name}"::varchar), lower($search))' for name in listing.names)
    return f"({listing.rows})" + (f" where {within}" if search else ""), {"search": search} if search else None


def _ordered(listing: Listing, chosen: str, sort: str, *, descending: bool) -> str:
    known = sort if sort in listing.names else ""
    order = f'"{known}" {"desc" if descending else "asc"} nulls last, {listing.order}' if known else listing.order
    return f"select {', '.join(chr(34) + name + chr(34) for name in listing.names)} from {chosen} order by {order}"


def page_asked(asked: Mapping[str, str]) -> int:
    """The page that an address names; the first where that is no number."""
    text = asked.get("page", "")
    return max(1, int(text)) if re.fullmatch(r"[0-9]{1,9}", text) else 1


PROPOSALS = Listing(
    "/desk",
    "The desk",
    "select * from proposals",
    [
        ("proposal", "Proposal"),
        ("name", "What"),
        ("kind", "Kind"),
        ("contract", "Contract"),
        ("amount", "Amount"),
        ("currency", "Currency"),
        ("open_points", "Open points"),
        ("state", "State"),
        ("drifted", "Drifted"),
    ],
    "state <> 'open', number desc",
    numbers=frozenset({"amount", "open_points"}),
    links={"proposal": "/desk/{}"},
    template="desk.html.j2",
    says="Deals from Salesforce and changes by form, on their way into the reviewed books.",
)
REFUSED = Listing(
    "/refused",
    "Refused requests",
    "select * from refused",
    [
        ("at", "At (UTC)"),
        ("code", "Code"),
        ("status", "Status"),
        ("method", "Method"),
        ("path", "Path"),
        ("key", "Key"),
        ("message", "Why"),
    ],
    "number",
    numbers=frozenset({"status"}),
    long=frozenset({"message", "path"}),
    says="What this door has refused in the last 24 hours, since it was started; events among it are in quarantine with the next run.",
)
LISTINGS = (
    Listing(
        "/customers",
        "Customers",
        "select customer_id, name, external_id, legal_name from marts.customers",
        [("customer_id", "Customer"), ("name", "Name"), ("external_id", "External id"), ("legal_name", "Legal name")],
        "customer_id",
        links={"customer_id": "/customers/{}"},
        of_books=True,
    ),
    Listing(
        "/contracts",
        "Contracts",
        """select contract_id, customer_id, plan_code, start_date, end_date, currency, status, is_active, place from marts.contracts""",
        [
            ("contract_id", "Contract"),
            ("customer_id", "Customer"),
            ("plan_code", "Plan"),
            ("start_date", "From"),
            ("end_date", "To"),
            ("currency", "Currency"),
            ("status", "Status"),
            ("is_active", "Active"),
            ("place", "Place"),
        ],
        "contract_id",
        links={"contract_id": "/contracts/{}", "customer_id": "/customers/{}"},
        of_books=True,
    ),
    Listing(
        "/invoices",
        "Invoices",
        """
        select coalesce(number, invoice_id) as number, customer_id, contract_id, kind, status, "month", currency, subtotal,
            credits_applied, total, due_date, invoice_id
        from marts.invoices
        """,
        [
            ("number", "Number"),
            ("customer_id", "Customer"),
            ("contract_id", "Contract"),
            ("kind", "Kind"),
            ("status", "Status"),
            ("month", "Month"),
            ("currency", "Currency"),
            ("subtotal", "Subtotal"),
            ("credits_applied", "Credits"),
            ("total", "Total"),
            ("due_date", "Due"),
        ],
        '"month" desc, number desc',
        numbers=frozenset({"subtotal", "credits_applied", "total"}),
        links={"number": "/invoices/{}", "customer_id": "/customers/{}", "contract_id": "/contracts/{}"},
    ),
    Listing(
        "/credits",
        "Credits",
        """
        select grant_id, contract_id, kind, amount, balance, balance_with_drafts, effective_at, expires_at
        from marts.grant_balances
        """,
        [
            ("grant_id", "Grant"),
            ("contract_id", "Contract"),
            ("kind", "Kind"),
            ("amount", "Granted"),
            ("balance", "Left"),
            ("balance_with_drafts", "Left after drafts"),
            ("effective_at", "From (UTC)"),
            ("expires_at", "Expires (UTC)"),
        ],
        "contract_id, grant_id",
        numbers=frozenset({"amount", "balance", "balance_with_drafts"}),
        links={"contract_id": "/contracts/{}"},
    ),
    Listing(
        "/usage",
        "Usage",
        "select contract_id, period_start, meter_code, dimensions, quantity, event_count from marts.usage",
        [
            ("contract_id", "Contract"),
            ("period_start", "Period from (UTC)"),
            ("meter_code", "Meter"),
            ("dimensions", "Combination"),
            ("quantity", "Quantity"),
            ("event_count", "Events"),
        ],
        "period_start desc, contract_id, meter_code, dimensions",
        numbers=frozenset({"quantity", "event_count"}),
        links={"contract_id": "/contracts/{}"},
    ),
    Listing(
        "/unmatched",
        "Events that nobody is billed for",
        "select * from marts.unmatched_events",
        [],
        "all",
    ),
    Listing(
        "/quarantine",
        "Lines that are no events",
        "select received_at, file, position, reason, left(raw, 400) as raw from marts.quarantine",
        [("received_at", "Received (UTC)"), ("file", "File"), ("position", "Position"), ("reason", "Reason"), ("raw", "Line")],
        "received_at desc, file, position",
        numbers=frozenset({"position"}),
        long=frozenset({"reason", "raw"}),
        says="What landed and is no event, with the reason: `meterhouse quarantine` releases what has been mended.",
    ),
    Listing(
        "/catalogue/meters",
        "Meters",
        "select meter_code, display_name, event_names, aggregation, aggregation_key, group_keys, status from marts.meters",
        [
            ("meter_code", "Code"),
            ("display_name", "Display name"),
            ("event_names", "Event name"),
            ("aggregation", "Aggregation"),
            ("aggregation_key", "Aggregation key"),
            ("group_keys", "Group keys"),
            ("status", "Status"),
        ],
        "meter_code",
        of_books=True,
        new="/propose/meter",
    ),
    Listing(
        "/catalogue/rate-cards",
        "Rate cards",
        "select rate_card_code, meter_code, entry_no, dimensions, unit_amount, tiers, place from marts.rate_cards",
        [
            ("rate_card_code", "Card"),
            ("meter_code", "Meter"),
            ("entry_no", "Row"),
            ("dimensions", "Combination"),
            ("unit_amount", "Rate"),
            ("tiers", "Tiers"),
            ("place", "Place"),
        ],
        "rate_card_code, entry_no",
        numbers=frozenset({"unit_amount", "entry_no", "tiers"}),
        of_books=True,
        new="/propose/rate-card",
    ),
    Listing(
        "/catalogue/pricings",
        "Pricings",
        "select pricing_code, name, model, meter_code, rate_card_code, unit_amount, per, tiers, place from marts.pricings",
        [
            ("pricing_code", "Code"),
            ("name", "Name"),
            ("model", "Pricing model"),
            ("meter_code", "Meter"),
            ("rate_card_code", "Rate card"),
            ("unit_amount", "Fallback rate or amount"),
            ("per", "Per"),
            ("tiers", "Tiers"),
            ("place", "Place"),
        ],
        "pricing_code",
        numbers=frozenset({"unit_amount", "per", "tiers"}),
        of_books=True,
        new="/propose/pricing",
    ),
    Listing(
        "/catalogue/plans",
        "Plans",
        "select plan_code, name, currency, billing_frequency, base_fee, net_terms, pricings, contracts, status from marts.plans",
        [
            ("plan_code", "Code"),
            ("name", "Name"),
            ("currency", "Currency"),
            ("billing_frequency", "Billed"),
            ("base_fee", "Base fee"),
            ("net_terms", "Net days"),
            ("pricings", "Pricing items"),
            ("contracts", "Contracts"),
            ("status", "Status"),
        ],
        "plan_code",
        numbers=frozenset({"base_fee", "net_terms", "contracts"}),
        of_books=True,
        new="/propose/plan",
    ),
)
