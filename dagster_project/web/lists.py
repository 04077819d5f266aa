"""Lists as pages: filter, sort, CSV of all (R-80)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

import duckdb
import polars as pl
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from dagster_project.deals.review import Review
from dagster_project.deals.told import summary
from dagster_project.deals.values import amount as read_amount
from dagster_project.errors import UserError
from dagster_project.queries import events
from dagster_project.register import keys
from dagster_project.warehouse.database import connect, fetch, lay, published
from dagster_project.web import listings
from dagster_project.web.cells import cell, csv_of, moment, plain, section
from dagster_project.web.listings import PAGE, PROPOSALS, REFUSED, Listing, page_asked
from dagster_project.web.sessions import Visitor
from dagster_project.web.shell import Page, Shell

EVENTS_SHOWN = 1000
_EVENT_COLUMNS = ("time", "event", "key", "customer", "state", "contract", "meters", "invoice_lines", "file", "received")


class Lists:
    """Shows listings, events and keys."""

    def __init__(self, shell: Shell) -> None:
        self._shell = shell

    def page_of(self, listing: Listing) -> Page:
        async def page(request: Request, visitor: Visitor) -> Response:
            return await run_in_threadpool(self._listed, request, visitor, listing)

        return page

    def _listed(self, request: Request, visitor: Visitor, listing: Listing) -> Response:
        asked = dict(request.query_params)
        if listing.of_books:
            with self._shell.behind.catalogue.asked() as books:
                return self._list_shown(request, visitor, listing, books, asked)
        if not self._shell.behind.warehouse.database.exists():
            raise UserError("No run has published figures yet: `meterhouse run` does.")
        with published(self._shell.behind.warehouse) as marts:
            return self._list_shown(request, visitor, _with_columns(listing, marts), marts, asked)

    def _list_shown(
        self, request: Request, visitor: Visitor, listing: Listing, rows: Any, asked: Mapping[str, str]
    ) -> Response:
        if asked.get("format") == "csv":
            frame = listings.every(
                rows, listing, asked.get("q", ""), asked.get("sort", ""), descending=asked.get("dir") == "desc"
            )
            return csv_of(frame, listing.path)
        found = listings.shown(rows, listing, asked)
        kept = {name: asked[name] for name in ("q", "sort", "dir") if asked.get(name)}
        return self._page(request, visitor, listing, found, kept)

    async def desk(self, request: Request, visitor: Visitor) -> Response:
        return await run_in_threadpool(self._desk_shown, request, visitor)

    def _desk_shown(self, request: Request, visitor: Visitor) -> Response:
        with connect() as laid:
            lay(laid, "proposals", _proposals(self._shell.behind.desk.listed()))
            return self._list_shown(request, visitor, PROPOSALS, laid, dict(request.query_params))

    async def refused(self, request: Request, visitor: Visitor) -> Response:
        return await run_in_threadpool(self._refused_shown, request, visitor)

    def _refused_shown(self, request: Request, visitor: Visitor) -> Response:
        found = self._shell.behind.refusals.latest()
        rows = [{"number": number, **{name: getattr(one, name) for name in REFUSED.names}} for number, one in enumerate(found)]
        with connect() as laid:
            lay(laid, "refused", pl.DataFrame(rows, schema=_REFUSED_COLUMNS, orient="row"))
            return self._list_shown(request, visitor, REFUSED, laid, dict(request.query_params))

    def _page(
        self, request: Request, visitor: Visitor, listing: Listing, found: listings.Shown, kept: Mapping[str, str]
    ) -> Response:
        """kept: what a link to another page or order of the list goes on asking."""
        return self._shell.shown(
            listing.template,
            visitor,
            listing.title,
            request,
            listing=listing,
            columns=listing.columns,
            shown=found,
            query=lambda **more: urlencode({**kept, **more}),
            cell=cell,
            has_salesforce=self._shell.behind.desk.salesforce is not None,
        )

    async def events(self, request: Request, visitor: Visitor) -> Response:
        return await run_in_threadpool(self._events_shown, request, visitor)

    def _events_shown(self, request: Request, visitor: Visitor) -> Response:
        asked = {name: value for name, value in request.query_params.items() if value}
        chosen = {name: asked[name] for name in events.CHOSEN_BY if name in asked}
        if "q" in asked:
            chosen["idempotencyKey"] = asked["q"]
        is_csv = asked.get("format") == "csv"
        page = min(page_asked(asked), EVENTS_SHOWN // PAGE)
        offset, most = (0, EVENTS_SHOWN) if is_csv else ((page - 1) * PAGE, PAGE)
        try:
            rows, total = events.versions(self._shell.behind.warehouse, chosen, most, offset)
        except duckdb.ConversionException:
            raise UserError("start and end are instants such as 2026-01-05T10:00:00Z.") from None
        frame = pl.DataFrame([_event_row(row) for row in rows], schema=dict.fromkeys(_EVENT_COLUMNS, pl.String))
        if is_csv:
            return csv_of(frame, "/events")
        columns = [(name, name.replace("_", " ").capitalize()) for name in _EVENT_COLUMNS]
        links = {"contract": "/contracts/{}"}
        says = f"The latest {EVENTS_SHOWN:,}, as they came in; the filter takes a whole key."
        listing = Listing("/events", "Events", "", columns, "", links=links, says=says, is_sorted=False)
        pages = max(1, -(-min(total, EVENTS_SHOWN) // PAGE))
        found = listings.Shown(list(frame.iter_rows(named=True)), total, page, pages, asked.get("q", ""), "", False)
        kept = {name: asked[name] for name in ("q", *events.CHOSEN_BY) if name in asked}
        return self._page(request, visitor, listing, found, kept)

    async def keys(self, request: Request, visitor: Visitor) -> Response:
        found = [
            [
                f"{keys.START}{one.prefix}…",
                one.name,
                " ".join(one.scopes),
                moment(one.created_at),
                moment(one.expires_at),
                moment(one.last_used_at),
                moment(one.revoked_at),
            ]
            for one in await run_in_threadpool(keys.every, self._shell.behind.desk.register)
        ]
        shown = section("Keys", ["Key", "Name", "Scopes", "Created", "Expires", "Last used", "Revoked"], found)
        return self._shell.shown("record.html.j2", visitor, "Keys", request, sections=[shown], facts=[], actions=[])


_REFUSED_COLUMNS: Mapping[str, Any] = {
    "number": pl.Int64,
    "at": pl.Datetime("us"),
    "code": pl.String,
    "status": pl.Int64,
    "method": pl.String,
    "path": pl.String,
    "key": pl.String,
    "message": pl.String,
}
_PROPOSAL_COLUMNS: Mapping[str, Any] = {
    "number": pl.Int64,
    "proposal": pl.String,
    "name": pl.String,
    "kind": pl.String,
    "contract": pl.String,
    "amount": pl.Decimal(38, 4),
    "currency": pl.String,
    "open_points": pl.Int64,
    "state": pl.String,
    "drifted": pl.String,
}


def _proposals(found: Sequence[tuple[Review, str]]) -> pl.DataFrame:
    rows = [
        {
            **{name: one[name] for name in ("name", "kind", "contract", "currency", "state")},
            "number": number,
            "proposal": one["id"],
            "amount": read_amount(one["amount"]),
            "open_points": len(one["openPoints"]) or None,
            "drifted": "drifted" if one["drifted"] else None,
        }
        for number, one in enumerate(summary(review, state) for review, state in found)
    ]
    return pl.DataFrame(rows, schema=_PROPOSAL_COLUMNS, orient="row")


def _event_row(row: Mapping[str, Any]) -> dict[str, str]:
    lines = [f"{one['invoice']} line {one['line_no']}" for one in row["invoice_lines"]]
    return {
        "time": plain(row["timestamp"]),
        "event": row["event_name"],
        "key": row["idempotency_key"] or "",
        "customer": row["customer_id"] or row["external_customer_id"] or "",
        "state": row["state"],
        "contract": row["contract_id"] or "",
        "meters": ", ".join(row["meters"] or []),
        "invoice_lines": ", ".join(lines),
        "file": f"{row['file']}:{row['position']}",
        "received": plain(row["received_at"]),
    }


def _with_columns(listing: Listing, marts: Any) -> Listing:
    """A list that shows a mart as it is."""
    if listing.columns:
        return listing
    frame = fetch(marts, f"select * from ({listing.rows}) limit 0")
    columns = [(name, name.replace("_", " ").capitalize()) for name in frame.columns]
    numbers = frozenset(name for name, dtype in frame.schema.items() if dtype.is_numeric())
    return Listing(listing.path, listing.title, listing.rows, columns, "all", numbers)
