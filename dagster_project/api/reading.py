"""Reading by HTTP: the books of now, and what the last run knew, as lists and single things (R-54, R-66 to R-68). Nothing is computed
but sums of lines."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation, localcontext
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
from dagster_project.api.catalogue import OF_BOOKS, Catalogue
from dagster_project.api.requests import body_of
from dagster_project.errors import UserError
from dagster_project.queries import documents, events, records
from dagster_project.queries.records import Records, Row
from dagster_project.render.documents import FORMATS
from dagster_project.warehouse import issued
from dagster_project.warehouse.database import published
from dagster_project.warehouse.paths import Warehouse
from rating.books.currencies import MINOR_DIGITS

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
    """Answers from published marts, and about books from those of now."""

    def __init__(self, warehouse: Warehouse, catalogue: Catalogue) -> None:
        self._warehouse, self._catalogue = warehouse, catalogue

    async def listed(
        self, request: Request, request_id: str, what: Records, fixed: Mapping[str, str] | None = None
    ) -> Response:
        """A page of a list; an empty one before the first run. fixed: what it is chosen by in any case."""
        asked = parameters(
            request, PAGING | set(what.chosen_by) - {"contract"} | ({"include"} if what is records.INVOICES else set())
        )
        limit, offset = _number(asked, "limit", LIMIT, MOST), _number(asked, "offset", 0, 10**9)
        with_lines = asked.pop("include", None)
        if with_lines not in (None, "lineItems"):
            raise invalid("include", "include is lineItems, or left out.")
        chosen = {name: value for name, value in asked.items() if name not in PAGING} | dict(fixed or {})

        def read(rows_of: duckdb.DuckDBPyConnection) -> dict[str, Any]:
            try:
                rows, total = records.page(rows_of, what, chosen, limit, offset)
            except duckdb.ConversionException as error:
                raise invalid("", f"One of {', '.join(chosen)} cannot be read: {str(error).splitlines()[0]}") from None
            data = [shown(what, row) for row in rows]
            if with_lines:
                _add_lines(rows_of, data)
            self._complete(rows_of, what, data)
            return {"data": data, "hasMore": offset + len(data) < total, "total": total}

        nothing = {"data": list[Any](), "hasMore": False, "total": 0}
        return answer(200, await self._read(what, read, nothing) | {"asOf": self._as_of()}, request_id)

    async def single(self, request: Request, request_id: str, what: Records, key: str) -> Response:
        parameters(request, set())
        missing = ApiError(404, "NOT_FOUND", f"There is no {what.name} {key}.")

        def read(rows_of: duckdb.DuckDBPyConnection) -> dict[str, Any]:
            row = records.one(rows_of, what, key)
            if row is None:
                raise missing
            data = [shown(what, row)]
            if what is records.INVOICES:
                _add_lines(rows_of, data)
            self._complete(rows_of, what, data)
            return {"data": data[0]}

        return answer(200, await self._read(what, read, missing) | {"asOf": self._as_of()}, request_id)

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

        content = await self._read(records.INVOICES, read, ApiError(404, "NOT_FOUND", f"There is no invoice {key}."))
        return Response(content, media_type=TYPES[form], headers={REQUEST_ID: request_id, "X-Content-Type-Options": "nosniff"})

    async def balance(self, request: Request, request_id: str, contract: str) -> Response:
        """What a contract's credits hold, posted and with drafts, in drawing order."""
        parameters(request, set())

        def agreed(books: duckdb.DuckDBPyConnection) -> Row:
            found = records.one(books, records.CONTRACTS, contract)
            if found is None:
                raise ApiError(404, "NOT_FOUND", f"There is no contract {contract}.")
            return found

        known = await self._read(records.CONTRACTS, agreed)

        def read(marts: duckdb.DuckDBPyConnection) -> list[Row]:
            return records.page(marts, records.GRANTS, {"contract": contract}, 10_000, 0)[0]

        rows = await self._read(records.GRANTS, read, list[Row]())
        digits = next((row["minor_digits"] for row in rows if row["minor_digits"] is not None), 2)
        held = sum((row["balance"] for row in rows), Decimal(0))
        pending = sum((row["balance_with_drafts"] for row in rows), Decimal(0))
        said = {
            "balanceCents": minor_units(held, digits),
            "balance": text_of(held),
            "pendingCents": minor_units(pending - held, digits),
            "pending": text_of(pending - held),
            "creditBalance": text_of(sum((row["credits"] or Decimal(0) for row in rows), Decimal(0))),
            "currency": known["currency"],
            "blocks": [shown(records.GRANTS, row) for row in rows],
        }
        return answer(200, {"data": said, "asOf": await self._as_of_contract(contract)}, request_id)

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
        data = [_event_shown(row) for row in rows]
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
        return answer(200, {"data": [_event_shown(row) for row in rows], "asOf": self._as_of()}, request_id)

    async def cost(self, request: Request, request_id: str, queried_at: datetime) -> Response:
        """The sum of the usage lines of the periods that a range names; of the current one without a range (R-68)."""
        asked = _cost_request(await body_of(request))
        missing = ApiError(404, "NOT_FOUND", "No billing period of that contract or customer is known to the last run.")

        def read(marts: duckdb.DuckDBPyConnection) -> dict[str, Any]:
            periods = records.periods_of(marts, contract=asked.contract, customer=asked.customer, external=asked.external)
            if not periods:
                raise missing
            chosen = _periods_named(periods, asked)
            rows = records.cost_of(marts, chosen, asked.event_names)
            total = sum((row["amount"] for row in rows), Decimal(0))
            return {
                **total_of(total, chosen[0].currency, asked.credit_rate),
                "startDate": min(period.first_day for period in chosen),
                "endDate": max(period.last_day for period in chosen),
                "lines": [shown(_COST, row) for row in rows],
            }

        said = await self._read(records.INVOICES, read, missing)
        return answer(200, said | {"queriedAt": instant_text(queried_at), "asOf": self._as_of()}, request_id)

    def _complete(self, books: duckdb.DuckDBPyConnection, what: Records, data: Sequence[dict[str, Any]]) -> None:
        """Add what the mart does not say of customers and contracts: what the API keeps, terms over time, and whether a run has seen
        them."""
        if what not in (records.CUSTOMERS, records.CONTRACTS):
            return
        ids = [one["id"] for one in data]
        seen, as_of = self._seen(what, ids), self._as_of()
        terms = records.terms_of(books, ids) if what is records.CONTRACTS else {}
        for one in data:
            if one["id"] in terms:
                over_time, overrides = terms[one["id"]]
                one |= {
                    "terms": [shown(_TERMS, row) for row in over_time],
                    "rateOverrides": [shown(_OVERRIDES, row) for row in overrides],
                }
            one |= self._catalogue.beside(what, one["id"])
            one["asOf"] = as_of if one["id"] in seen else None

    def _seen(self, what: Records, ids: Sequence[str]) -> set[str]:
        """Those that the last run knew (R-67)."""
        if not self._warehouse.database.exists():
            return set()
        with published(self._warehouse) as marts:
            return records.ids_among(marts, what, ids)

    async def _as_of_contract(self, contract: str) -> str | None:
        return self._as_of() if await run_in_threadpool(self._seen, records.CONTRACTS, [contract]) else None

    async def _read(
        self, what: Records, read: Callable[[duckdb.DuckDBPyConnection], Any], before_the_first_run: Any = None
    ) -> Any:
        """What a question finds among the books of now, or in the marts. before_the_first_run: what is said while there are none."""

        def on_rows() -> Any:
            if what in OF_BOOKS:
                with self._catalogue.asked() as books:
                    return read(books)
            if not self._warehouse.database.exists():
                if isinstance(before_the_first_run, ApiError):
                    raise before_the_first_run
                return before_the_first_run
            with published(self._warehouse) as marts:
                return read(marts)

        try:
            return await run_in_threadpool(on_rows)
        except UserError as error:
            raise ApiError(503, "NO_MARTS", " ".join(error.sentences)) from None

    def _as_of(self) -> str | None:
        """as_of of the last run, whose figures these are (R-67)."""
        latest = issued.latest_as_of(self._warehouse)
        return instant_text(latest) if latest else None


def _event_shown(row: Row) -> dict[str, Any]:
    lines = [shown(records.LINES, line) for line in row.get("invoice_lines") or []]
    return shown(_EVENT, row) | ({"invoiceLines": lines} if "invoice_lines" in row else {})


def total_of(total: Decimal, currency: str, credit_rate: Decimal | None) -> dict[str, Any]:
    """A sum as a number and as text: money, or credits of so many minor units each (to 12 decimals)."""
    if credit_rate is None:
        return {
            "totalAmount": Decimal(text_of(total, 2)),
            "totalAmountDecimal": text_of(total, 2),
            "currency": currency,
            "unit": currency,
        }
    credits_ = text_of(in_credits([total], MINOR_DIGITS[currency], credit_rate)[0])
    return {"totalAmount": Decimal(credits_), "totalAmountDecimal": credits_, "currency": currency, "unit": "credits"}


def in_credits(amounts: Sequence[Decimal], digits: int, credit_rate: Decimal) -> list[Decimal]:
    """Amounts as credits of so many minor units each, to 12 decimals; differences of the rounded running sum, so that they add up."""
    found, running, before = list[Decimal](), Decimal(0), Decimal(0)
    with localcontext(prec=60):
        for amount in amounts:
            running += amount
            rounded = (running.scaleb(digits) / credit_rate).quantize(Decimal("1e-12"), ROUND_HALF_UP)
            found.append(rounded - before)
            before = rounded
    return found


def credit_rate_of(said: Mapping[str, Any], details: list[Detail]) -> Decimal | None:
    """creditRateCents of a request, minor units a credit; what is wrong with it goes to details."""
    if said.get("creditRateCents") is None:
        return None
    try:
        rate = Decimal(str(said["creditRateCents"]))
    except InvalidOperation:
        rate = Decimal(0)
    if not rate.is_finite() or not 0 < rate <= 10**12 or isinstance(said["creditRateCents"], bool):
        details.append(Detail("creditRateCents", "creditRateCents is a positive number of minor units a credit."))
        return None
    return rate


class _CostRequest(msgspec.Struct, frozen=True):
    contract: str | None
    customer: str | None
    external: str | None
    start: date | None
    end: date | None
    event_names: list[str]
    credit_rate: Decimal | None


_EVENT = Records("event", "", (), "", json=frozenset({"properties"}))
_COST = Records("line", "", (), "", money=frozenset({"amount"}), json=frozenset({"dimensions"}))
_TERMS = Records("terms", "", (), "")
_OVERRIDES = Records("override", "", (), "", json=frozenset({"dimensions"}))
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
    credit_rate = credit_rate_of(said, details)
    if details:
        raise all_invalid(details)
    return _CostRequest(
        said.get("contractId"),
        said.get("customerId"),
        said.get("externalCustomerId"),
        days["startDate"],
        days["endDate"],
        names,
        credit_rate,
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
