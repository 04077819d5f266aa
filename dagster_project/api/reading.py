"""Reading by HTTP: what the last run knew, as lists and single things (R-54, R-66 to R-68). Nothing is computed but sums of lines."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from dagster_project.api.answers import (
    REQUEST_ID,
    ApiError,
    Detail,
    all_invalid,
    answer,
    body_said,
    camel,
    instant_text,
    invalid,
    minor_units,
    text_of,
    unknown,
)
from dagster_project.api.requests import body_of
from dagster_project.errors import UserError
from dagster_project.queries import documents, events, records
from dagster_project.queries.records import Records, Row
from dagster_project.render.documents import FORMATS
from dagster_project.warehouse import issued
from dagster_project.warehouse.database import published
from dagster_project.warehouse.paths import Warehouse

LIMIT, MOST = 10, 100
MOST_NAMES = 50
TYPES = {
    "html": "text/html; charset=utf-8",
    "pdf": "application/pdf",
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
PAGING = {"limit", "offset"}


class Reader:
    """Answers from published marts."""

    def __init__(self, warehouse: Warehouse, fresh: Callable[[str], list[dict[str, Any]]]) -> None:
        """fresh: customers or contracts that were agreed by API, whether a run has seen them or not."""
        self._warehouse, self._fresh = warehouse, fresh

    async def listed(
        self, request: Request, request_id: str, what: Records, fixed: Mapping[str, str] | None = None
    ) -> Response:
        """A page of a list. fixed: what it is chosen by in any case."""
        asked = parameters(
            request, PAGING | set(what.chosen_by) - {"contract"} | ({"include"} if what is records.INVOICES else set())
        )
        limit, offset = _number(asked, "limit", LIMIT, MOST), _number(asked, "offset", 0, 10**9)
        with_lines = asked.pop("include", None)
        if with_lines not in (None, "lineItems"):
            raise invalid("include", "include is lineItems, or left out.")
        chosen = {name: value for name, value in asked.items() if name not in PAGING} | dict(fixed or {})

        def read(marts: duckdb.DuckDBPyConnection) -> dict[str, Any]:
            try:
                rows, total = records.page(marts, what, chosen, limit, offset)
            except duckdb.ConversionException as error:
                raise invalid("", f"One of {', '.join(chosen)} cannot be read: {str(error).splitlines()[0]}") from None
            data = [shown(what, row) for row in rows]
            if with_lines:
                _add_lines(marts, data)
            unseen = self._unseen(marts, what, chosen)
            first = max(0, offset - total)
            data += unseen[first : first + limit - len(rows)] if len(rows) < limit else []
            return {"data": data, "hasMore": offset + len(data) < total + len(unseen), "total": total + len(unseen)}

        return answer(200, await self._read(read) | {"asOf": self._as_of()}, request_id)

    async def single(self, request: Request, request_id: str, what: Records, key: str) -> Response:
        parameters(request, set())

        def read(marts: duckdb.DuckDBPyConnection) -> dict[str, Any]:
            row = records.one(marts, what, key)
            if row is None:
                unseen = [one for one in self._unseen(marts, what, {}) if one["id"] == key]
                if unseen:
                    return {"data": unseen[0]}
                raise ApiError(404, "NOT_FOUND", f"There is no {what.name} {key}.")
            data = [shown(what, row)]
            if what is records.INVOICES:
                _add_lines(marts, data)
            return {"data": data[0]}

        return answer(200, await self._read(read) | {"asOf": self._as_of()}, request_id)

    async def document(self, request: Request, request_id: str, key: str) -> Response:
        """A document as a file (R-82)."""
        form = parameters(request, {"format"}).get("format", "pdf")
        if form not in FORMATS:
            raise invalid("format", f"format is one of {', '.join(FORMATS)}.")

        def read(marts: duckdb.DuckDBPyConnection) -> bytes:
            try:
                [found] = documents.documents(marts, documents.ids_of(marts, invoice=key))
            except UserError:
                raise ApiError(404, "NOT_FOUND", f"There is no invoice {key}.") from None
            return FORMATS[form](found)

        content = await self._read(read)
        return Response(content, media_type=TYPES[form], headers={REQUEST_ID: request_id, "X-Content-Type-Options": "nosniff"})

    async def balance(self, request: Request, request_id: str, contract: str) -> Response:
        """What a contract's credits hold, posted and with drafts, in drawing order."""
        parameters(request, set())

        def read(marts: duckdb.DuckDBPyConnection) -> dict[str, Any]:
            found = records.one(marts, records.CONTRACTS, contract)
            if found is None:
                raise ApiError(404, "NOT_FOUND", f"There is no contract {contract}.")
            rows, _ = records.page(marts, records.GRANTS, {"contract": contract}, 10_000, 0)
            digits = next((row["minor_digits"] for row in rows if row["minor_digits"] is not None), 2)
            held = sum((row["balance"] for row in rows), Decimal(0))
            pending = sum((row["balance_with_drafts"] for row in rows), Decimal(0))
            return {
                "balanceCents": minor_units(held, digits),
                "balance": text_of(held),
                "pendingCents": minor_units(pending - held, digits),
                "pending": text_of(pending - held),
                "creditBalance": text_of(sum((row["credits"] or Decimal(0) for row in rows), Decimal(0))),
                "currency": found["currency"],
                "blocks": [shown(records.GRANTS, row) for row in rows],
            }

        return answer(200, {"data": await self._read(read), "asOf": self._as_of()}, request_id)

    async def events(self, request: Request, request_id: str) -> Response:
        """Landed versions and what became of them, the latest first (R-62)."""
        asked = parameters(request, PAGING | set(events.CHOSEN_BY))
        limit, offset = _number(asked, "limit", LIMIT, MOST), _number(asked, "offset", 0, 10**9)
        chosen = {name: value for name, value in asked.items() if name not in PAGING}
        try:
            rows, total = await run_in_threadpool(events.versions, self._warehouse, chosen, limit, offset)
        except duckdb.ConversionException as error:
            raise invalid("", f"One of {', '.join(chosen)} cannot be read: {str(error).splitlines()[0]}") from None
        except UserError as error:
            raise ApiError(503, "RUN_AT_WORK", " ".join(error.sentences)) from None
        data = [shown(_EVENT, row) for row in rows]
        said = {"data": data, "hasMore": offset + len(rows) < total, "total": total, "asOf": self._as_of()}
        return answer(200, said, request_id)

    async def event(self, request: Request, request_id: str, key: str, inbox: Path) -> Response:
        """Every version of one key: those that wait, then those that landed (R-62)."""
        parameters(request, set())

        def read() -> list[Row]:
            landed, _ = events.versions(self._warehouse, {"idempotencyKey": key}, MOST, 0)
            return [*events.waiting(inbox, self._warehouse, key), *landed]

        try:
            rows = await run_in_threadpool(read)
        except UserError as error:
            raise ApiError(503, "RUN_AT_WORK", " ".join(error.sentences)) from None
        if not rows:
            raise ApiError(404, "NOT_FOUND", f"No event has the key {key}.")
        return answer(200, {"data": [shown(_EVENT, row) for row in rows], "asOf": self._as_of()}, request_id)

    async def cost(self, request: Request, request_id: str, queried_at: datetime) -> Response:
        """The sum of the usage lines of the periods that a range names; of the current one without a range (R-68)."""
        asked = _cost_request(await body_of(request))

        def read(marts: duckdb.DuckDBPyConnection) -> dict[str, Any]:
            periods = records.periods_of(marts, contract=asked.contract, customer=asked.customer, external=asked.external)
            if not periods:
                raise ApiError(404, "NOT_FOUND", "No billing period of that contract or customer is known to the last run.")
            chosen = _periods_named(periods, asked)
            rows = records.cost_of(marts, chosen, asked.event_names)
            total = sum((row["amount"] for row in rows), Decimal(0))
            return {
                "totalAmount": Decimal(text_of(total, 2)),
                "totalAmountDecimal": text_of(total, 2),
                "currency": chosen[0].currency,
                "unit": chosen[0].currency,
                "startDate": min(period.first_day for period in chosen),
                "endDate": max(period.last_day for period in chosen),
                "lines": [shown(_COST, row) for row in rows],
            }

        said = await self._read(read)
        return answer(200, said | {"queriedAt": instant_text(queried_at), "asOf": self._as_of()}, request_id)

    def _unseen(self, marts: duckdb.DuckDBPyConnection, what: Records, chosen: Mapping[str, str]) -> list[dict[str, Any]]:
        """Things agreed by API that no run has seen yet: their asOf is null (R-67)."""
        if what not in (records.CUSTOMERS, records.CONTRACTS):
            return []
        found = self._fresh(what.name)
        seen = records.ids_among(marts, what, [one["id"] for one in found])
        texts = {name: value.lower() if name == "isActive" else value for name, value in chosen.items()}
        return [
            one | {"asOf": None}
            for one in found
            if one["id"] not in seen
            and all(
                (str(one.get(name)).lower() if name == "isActive" else one.get(name)) == value for name, value in texts.items()
            )
        ]

    async def _read(self, read: Callable[[duckdb.DuckDBPyConnection], Any]) -> Any:
        def on_marts() -> Any:
            with published(self._warehouse) as marts:
                return read(marts)

        try:
            return await run_in_threadpool(on_marts)
        except UserError as error:
            raise ApiError(503, "NO_MARTS", " ".join(error.sentences)) from None

    def _as_of(self) -> str | None:
        """as_of of the last run, whose figures these are (R-67)."""
        latest = issued.latest_as_of(self._warehouse)
        return instant_text(latest) if latest else None


class _CostRequest(msgspec.Struct, frozen=True):
    contract: str | None
    customer: str | None
    external: str | None
    start: date | None
    end: date | None
    event_names: list[str]


_EVENT = Records("event", "", (), "", json=frozenset({"properties"}))
_COST = Records("line", "", (), "", money=frozenset({"amount"}), json=frozenset({"dimensions"}))
_COST_FIELDS = {"contractId", "customerId", "externalCustomerId", "startDate", "endDate", "eventNames", "creditRateCents"}


def _cost_request(body: bytes) -> _CostRequest:
    """Raises `ApiError` with all that is wrong."""
    said = body_said(body)
    details = [Detail(name, unknown(name, _COST_FIELDS)) for name in said if name not in _COST_FIELDS]
    whom = [name for name in ("contractId", "customerId", "externalCustomerId") if said.get(name) is not None]
    if len(whom) != 1:
        details.append(Detail("contractId", "Give one of contractId, customerId and externalCustomerId."))
    days = {}
    for name in ("startDate", "endDate"):
        try:
            days[name] = None if said.get(name) is None else date.fromisoformat(str(said[name])[:10])
        except ValueError:
            details.append(Detail(name, f"{name} is no day such as 2026-01-31."))
    if (said.get("startDate") is None) != (said.get("endDate") is None):
        details.append(Detail("endDate", "Give both startDate and endDate, or neither for the current period."))
    names = said.get("eventNames") or []
    if not isinstance(names, list) or len(names) > MOST_NAMES or not all(isinstance(name, str) for name in names):
        details.append(Detail("eventNames", f"eventNames is a list of at most {MOST_NAMES} texts."))
    if details:
        raise all_invalid(details)
    return _CostRequest(
        said.get("contractId"),
        said.get("customerId"),
        said.get("externalCustomerId"),
        days["startDate"],
        days["endDate"],
        names,
    )


def _periods_named(periods: Sequence[records.Period], asked: _CostRequest) -> list[records.Period]:
    """The periods within a range, the latest of each contract without one. Raises `ApiError` where a sum would be no exact answer."""
    if asked.start is None or asked.end is None:
        latest = {period.contract_id: period for period in periods}
        chosen = list(latest.values())
    else:
        chosen = [period for period in periods if asked.start <= period.first_day and period.last_day <= asked.end]
        cut = [
            period
            for period in periods
            if period not in chosen and period.first_day <= asked.end and period.last_day >= asked.start
        ]
        if cut or not chosen:
            ranges = ", ".join(f"{period.first_day} to {period.last_day}" for period in (cut or list(periods))[:6])
            raise ApiError(
                400,
                "NOT_EXACT",
                f"{asked.start} to {asked.end} cuts a billing period, which tiers do not allow. Whole periods are {ranges}.",
                [Detail("startDate", f"Whole periods are {ranges}.")],
            )
    if len({period.currency for period in chosen}) > 1:
        raise ApiError(400, "NOT_EXACT", "These contracts are in several currencies. Ask for one contract at a time.")
    return chosen


def parameters(request: Request, known: set[str]) -> dict[str, str]:
    """What stands behind the question mark, in camelCase. Raises `ApiError` for what is not known, naming the nearest."""
    asked = {camel(name): value for name, value in request.query_params.items()}
    details = [Detail(name, unknown(name, known)) for name in asked if name not in known]
    if details:
        raise all_invalid(details)
    return asked


def _number(asked: Mapping[str, str], name: str, default: int, most: int) -> int:
    text = asked.get(name, str(default))
    if not text.isascii() or not text.isdigit() or not (0 if name == "offset" else 1) <= int(text) <= most:
        raise invalid(name, f"{name} is a whole number of at most {most:,}.")
    return int(text)


def _add_lines(marts: duckdb.DuckDBPyConnection, data: Sequence[dict[str, Any]]) -> None:
    found = records.lines_of(marts, [one["id"] for one in data])
    for one in data:
        one["lineItems"] = [shown(records.LINES, row) for row in found.get(one["id"], [])]


def shown(what: Records, row: Row) -> dict[str, Any]:
    """A row in camelCase: money in minor units and as text, other decimals as text, instants in UTC."""
    digits = row.get("minor_digits")
    said: dict[str, Any] = {}
    for name, value in row.items():
        if name == "minor_digits":
            continue
        if name in what.money:
            said[f"{camel(name)}Cents"] = None if value is None else minor_units(value, 2 if digits is None else digits)
            said[camel(name)] = None if value is None else text_of(value)
        elif name in what.json:
            said[camel(name)] = None if value is None else json.loads(value)
        elif isinstance(value, Decimal):
            said[camel(name)] = text_of(value)
        else:
            said[camel(name)] = instant_text(value) if isinstance(value, datetime) else value
    return said
