"""One customer, contract, invoice: with the way down to events (R-80)."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from typing import Any
from urllib.parse import quote

import polars as pl
from markupsafe import Markup
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from dagster_project.api.reading import TYPES
from dagster_project.errors import UserError
from dagster_project.queries import documents, records
from dagster_project.queries.credit_history import burn_down_of
from dagster_project.queries.invoice_breakdown import account_of, events_of
from dagster_project.render import svg
from dagster_project.render.credit_chart import sentence
from dagster_project.render.documents import FORMATS
from dagster_project.render.figures import number
from dagster_project.warehouse.database import fetch, published
from dagster_project.web.cells import amount, combination, link, plain, section
from dagster_project.web.forms import FORMS
from dagster_project.web.posted import Refusal
from dagster_project.web.sessions import Visitor
from dagster_project.web.shell import Shell

LINE_EVENTS = 500
DOCUMENT = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox; frame-ancestors 'none'"
MOST_USAGE, USAGE_SHOWN = 20_000, 60


class Things:
    """Shows single things."""

    def __init__(self, shell: Shell) -> None:
        self._shell = shell

    async def customer(self, request: Request, visitor: Visitor) -> Response:
        return await run_in_threadpool(self._customer_shown, request, visitor, request.path_params["id"])

    def _customer_shown(self, request: Request, visitor: Visitor, customer: str) -> Response:
        with self._shell.behind.catalogue.asked() as books:
            row = records.one(books, records.CUSTOMERS, customer)
            if row is None:
                raise Refusal(404, f"There is no customer {customer}.")
            contracts = fetch(
                books,
                "select contract_id, plan_code, start_date, end_date, status from marts.contracts where customer_id = $id order by all",
                {"id": customer},
            )
        sections = [
            section(
                "Contracts",
                ["Contract", "Plan", "From", "To", "Status"],
                [[link(f"/contracts/{quote(one[0], safe='')}", one[0]), *map(plain, one[1:])] for one in contracts.rows()],
            ),
            self._documents_of("customer_id", customer),
        ]
        facts = [(name.replace("_", " ").capitalize(), plain(value)) for name, value in row.items() if value is not None]
        return self._shell.shown(
            "record.html.j2", visitor, str(row.get("name") or customer), request, facts=facts, sections=sections, actions=[]
        )

    async def contract(self, request: Request, visitor: Visitor) -> Response:
        return await run_in_threadpool(self._contract_shown, request, visitor, request.path_params["id"])

    def _contract_shown(self, request: Request, visitor: Visitor, contract: str) -> Response:
        with self._shell.behind.catalogue.asked() as books:
            row = records.one(books, records.CONTRACTS, contract)
            if row is None:
                raise Refusal(404, f"There is no contract {contract}.")
            terms, overrides = records.terms_of(books, [contract])[contract]
        usage = self._usage_of(contract)
        sections = [
            section(
                "Terms over time",
                ["From", "Plan", "Base fee", "Net days", "Minimum", "Maximum"],
                [
                    [
                        plain(one[name]) if name in ("effective_date", "plan_id", "net_terms") else amount(one[name])
                        for name in ("effective_date", "plan_id", "base_fee", "net_terms", "minimum_spend", "maximum_spend")
                    ]
                    for one in terms
                ],
                {2, 3, 4, 5},
            ),
            section(
                "Overrides",
                ["Meter or pricing", "Combination", "Rate", "From", "To", "Place"],
                [
                    [
                        one["meter_code"] or one["pricing_code"] or "the plan",
                        combination(one["dimensions"]),
                        amount(one["unit_amount"])
                        if one["unit_amount"] is not None
                        else f"{plain(one['percent_off'])} % off"
                        if one["percent_off"] is not None
                        else "tiers",
                        plain(one["effective_from"]),
                        plain(one["effective_to"]),
                        one["place"],
                    ]
                    for one in overrides
                ],
                {2},
            ),
            _usage_shown(usage),
            self._documents_of("contract_id", contract),
        ]
        chart, says = self._burn_down(contract)
        facts = [
            ("Customer", link(f"/customers/{quote(row['customer_id'], safe='')}", row["customer_id"])),
            ("Plan", f"{row['name'] or ''} ({row['plan_id']})"),
            ("Days", f"{row['start_date']} to {row['end_date'] or 'open'}, {row['timezone']}"),
            ("Billed", f"{row['billing_frequency']}, {row['currency']}"),
            ("Status", f"{row['status']}{', active' if row['is_active'] else ''}"),
            ("Place", row["place"]),
        ]
        actions = [
            (f"/propose/{name}?contract={quote(contract, safe='')}", FORMS[name].title)
            for name in ("override", "amendment", "grant", "end")
        ]
        return self._shell.shown(
            "record.html.j2",
            visitor,
            contract,
            request,
            facts=facts,
            sections=sections,
            chart=chart,
            chart_says=says,
            usage_chart=_usage_chart(usage),
            actions=actions if visitor.user.may("editor") else [],
        )

    def _burn_down(self, contract: str) -> tuple[Markup, str]:
        try:
            found = burn_down_of(self._shell.behind.warehouse, contract)
        except UserError:
            found = None
        if found is None:
            return Markup(""), ""
        points = [(f"{day}", posted, expected) for day, posted, expected in found.months.iter_rows()]
        return svg.line(points, str(found.outlook.get("currency") or ""), ("posted", "with drafts")), sentence(found)

    def _usage_of(self, contract: str) -> list[records.Row]:
        """Usage of a contract with what it costs, the oldest first."""
        if not self._shell.behind.warehouse.database.exists():
            return []
        with published(self._shell.behind.warehouse) as marts:
            return records.page(marts, records.USAGE, {"contract": contract}, MOST_USAGE, 0)[0]

    def _documents_of(self, column: str, key: str) -> dict[str, Any]:
        labels = ["Number", "Kind", "Month", "Status", "Total", ""]
        if not self._shell.behind.warehouse.database.exists():
            return section("Documents", labels, [])
        with published(self._shell.behind.warehouse) as marts:
            rows = fetch(
                marts,
                f'select coalesce(number, invoice_id), kind, "month", status, total, currency from marts.invoices where {column} = $id '
                'order by "month" desc, 1 desc limit 200',
                {"id": key},
            ).rows()
        found = [
            [link(f"/invoices/{quote(one[0], safe='')}", one[0]), *map(plain, one[1:4]), amount(one[4]), one[5]] for one in rows
        ]
        return section("Documents", labels, found, {4})

    async def invoice(self, request: Request, visitor: Visitor) -> Response:
        return await run_in_threadpool(self._invoice_shown, request, visitor, request.path_params["name"])

    def _invoice_shown(self, request: Request, visitor: Visitor, name: str) -> Response:
        account = account_of(self._shell.behind.warehouse, name)
        document = account.document
        with published(self._shell.behind.warehouse) as marts:
            zone = fetch(
                marts,
                """
                select timezone, timezone(timezone, timezone('UTC', $start::timestamp))::date as first_day,
                    timezone(
                        timezone, timezone('UTC', greatest($start::timestamp, $end::timestamp - interval 1 microsecond))
                    )::date as last_day
                from marts.contracts where contract_id = $contract
                """,
                {"start": document["period_start"], "end": document["period_end"], "contract": document["contract_id"]},
            )
        local = (
            zone.row(0, named=True)
            if zone.height
            else {"timezone": "UTC", "first_day": document["period_start"], "last_day": document["period_end"]}
        )
        of_lines = [by_line(frame) for frame in (account.tiers, account.usage, account.credits)]
        title = str(document["number"] or f"Draft {document['invoice_id']}")
        return self._shell.shown(
            "invoice.html.j2",
            visitor,
            title,
            request,
            name=document["number"] or document["invoice_id"],
            document=document,
            lines=account.lines.to_dicts(),
            tiers=of_lines[0],
            usage=of_lines[1],
            credits=of_lines[2],
            **local,
        )

    async def line_events(self, request: Request, visitor: Visitor) -> Response:
        name, line = request.path_params["name"], request.path_params["line"]

        def read() -> tuple[dict[str, Any], pl.DataFrame]:
            account = account_of(self._shell.behind.warehouse, name)
            rows = [one for one in account.lines.to_dicts() if one["line_no"] == line]
            if not rows:
                raise Refusal(404, f"{name} has no line {line}.")
            row = rows[0]
            ends = account.usage.filter(pl.col("line_no") == line).get_column("window_end")
            if ends.is_empty():
                return row, pl.DataFrame()
            return row, events_of(self._shell.behind.warehouse, account.document, row, ends.max(), LINE_EVENTS)

        row, frame = await run_in_threadpool(read)
        found = [
            [
                plain(one["timestamp"]),
                one["event_name"],
                "" if one["value"] is None else number(one["value"]),
                f"{one['file']}:{one['position']}",
                plain(one["received_at"]),
            ]
            for one in frame.to_dicts()
        ]
        count = frame.item(0, "events") if frame.height else 0
        shown = section(
            f"{count:,} events, the first {len(found):,} of them",
            ["Time (UTC)", "Event", "Value", "Place", "Received (UTC)"],
            found,
            {2},
        )
        return self._shell.shown(
            "record.html.j2",
            visitor,
            row["description"],
            request,
            facts=[("Invoice", link(f"/invoices/{quote(name, safe='')}", name))],
            sections=[shown],
            actions=[],
        )

    async def document(self, request: Request, _: Visitor) -> Response:
        form = request.query_params.get("format", "pdf")
        if form not in FORMATS:
            raise Refusal(400, f"format is one of {', '.join(FORMATS)}.")

        def read() -> bytes:
            with published(self._shell.behind.warehouse) as marts:
                [found] = documents.documents(marts, documents.ids_of(marts, invoice=request.path_params["name"]))
                return FORMATS[form](found)

        # a document has its own style and nothing else: no script, no other file
        headers = {"Content-Security-Policy": DOCUMENT} if form == "html" else {}
        return Response(await run_in_threadpool(read), media_type=TYPES[form], headers=headers)


def _usage_shown(rows: list[records.Row]) -> dict[str, Any]:
    found = [
        [
            plain(one["first_day"]),
            one["meter_code"],
            combination(one["dimensions"]),
            number(one["quantity"]),
            amount(one["amount"]),
        ]
        for one in reversed(rows[-USAGE_SHOWN:])
    ]
    return section("Usage and cost so far", ["Period from", "Meter", "Combination", "Quantity", "Amount"], found, {3, 4})


def _usage_chart(rows: list[records.Row]) -> Markup:
    """What usage costs by month, stacked by combination."""
    costs: dict[str, dict[str, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
    for row in rows:
        name = f"{row['meter_code']} {combination(row['dimensions'])}".strip()
        costs[name][f"{row['first_day']:%Y-%m}"] += row["amount"] or Decimal(0)
    months = sorted({month for by_month in costs.values() for month in by_month})[-12:]
    return svg.stacked_largest(months, costs, str(rows[0]["currency"] or "") if rows else "")


def by_line(frame: pl.DataFrame) -> dict[int, list[dict[str, Any]]]:
    found: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for row in frame.iter_rows(named=True):
        found[row["line_no"]].append(row)
    return found
