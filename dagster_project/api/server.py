"""The application: who may ask, where a request goes, and how it is answered."""

from __future__ import annotations

import contextlib
import re
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import sqlalchemy as sa
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from dagster_project.api import openapi
from dagster_project.api.access import Keys
from dagster_project.api.agreements import Agreeing
from dagster_project.api.answers import ApiError, Detail, all_invalid, answer, body_said, new_request_id, refusal, unknown
from dagster_project.api.books_of_now import BooksOfNow
from dagster_project.api.catalogue import Catalogue
from dagster_project.api.clock import Clock
from dagster_project.api.door import Busy, Door, Outcome, Taking
from dagster_project.api.estimating import Estimating
from dagster_project.api.noticing import Noticing, by_code
from dagster_project.api.proposing import PROPOSED, proposed
from dagster_project.api.reading import Reader, parameters
from dagster_project.api.refusals import Refusals
from dagster_project.api.requests import JSON, body_of, content_type, many_events, one_event
from dagster_project.api.segments import Segments, StorageFailed, remove_landed
from dagster_project.api.terms import Asked
from dagster_project.api.worker import Worker
from dagster_project.checks.notices import Notice
from dagster_project.deals.desk import Desk
from dagster_project.errors import sentences_of
from dagster_project.landing.event import FIELDS
from dagster_project.queries import records
from dagster_project.queries.records import Records
from dagster_project.warehouse.paths import Warehouse
from rating.books import settings_of

HOUSE_SECONDS = 3600.0
BOOKS_SECONDS = 1.0
READING_SECONDS = 2.0  # so long a door that starts waits for its books; then it takes events while they are read
STOP_SECONDS = 2.0
EVENTS_QUERY = {"notices", "dry_run", "dryRun"}
BATCH_QUERY = {*EVENTS_QUERY, "atomic"}

Handler = Callable[[Request, str], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Serving:
    """What the door is given."""

    warehouse: Warehouse
    books: Path
    inbox: Path
    register: sa.Engine
    clock: Clock
    segment_age_seconds: float = 300.0
    keep_segments: timedelta = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Within:
    """What the door has opened, for pages to stand on."""

    serving: Serving
    books: BooksOfNow
    catalogue: Catalogue
    refusals: Refusals


Pages = Callable[[Within], tuple[Sequence[BaseRoute], Callable[[], None]]]


def application(serving: Serving, pages: Pages | None = None) -> Starlette:
    """The door as an application; it opens and closes with the server's lifespan. pages: their routes, and what ends them."""
    keys = Keys(serving.register, serving.clock)
    refusals = Refusals(serving.clock)
    books = BooksOfNow(serving.books, serving.register, serving.warehouse)
    noticing = Noticing(books)
    first_reading = threading.Thread(target=books.refresh, name="first reading", daemon=True)
    first_reading.start()
    first_reading.join(READING_SECONDS)  # events need not wait for the rest of it
    zone = _zone(serving.books) if first_reading.is_alive() else _zone_of(books)
    door = Door(Segments(serving.inbox, serving.segment_age_seconds), serving.clock, zone)
    books.tell(lambda known, _: door.read_dates_in(known.together.settings.timezone) if known is not None else None)
    house = _Regularly(
        lambda: remove_landed(serving.inbox, serving.warehouse, serving.clock.now(), serving.keep_segments),
        HOUSE_SECONDS,
        "housekeeping",
    )
    reading_books = _Regularly(books.refresh, BOOKS_SECONDS, "books")

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with door.open():
            house.start()
            reading_books.start()
            try:
                yield
            finally:
                house.stop()
                reading_books.stop()
                worker.stop()
                end_pages()
                keys.note()

    def noticed(events: Sequence[bytes], taken: Outcome) -> list[tuple[int, Notice]]:
        accepted = [(index, event) for index, event in enumerate(events) if taken.reasons[index] is None]
        return noticing.about(accepted, taken.receipt)

    async def post_event(request: Request, request_id: str) -> Response:
        key = keys.holder(request, "usage:write")
        query = _query(request, EVENTS_QUERY)
        if content_type(request) != JSON:
            raise ApiError(415, "UNSUPPORTED_MEDIA_TYPE", f"One event is {JSON}. Send lines to /v1/events/batch.")
        event = one_event(await body_of(request))
        taken = await door.take(Taking([event], request_id, key.prefix, keeps=not query.dry_run))
        [reason], [idempotency_key] = taken.reasons, taken.keys
        if reason is not None:
            raise ApiError(400, "VALIDATION_ERROR", f"The event was refused: {reason}.", _details(reason))
        said: dict[str, Any] = {"idempotencyKey": idempotency_key, "requestId": request_id}
        if query.notices and (found := noticed([event], taken)):
            said["notices"] = [{"code": one.code, "message": one.message} for _, one in found]
        return answer(200 if query.dry_run else 202, {"status": "checked" if query.dry_run else "accepted", **said}, request_id)

    async def post_batch(request: Request, request_id: str) -> Response:
        key = keys.holder(request, "usage:write")
        query = _query(request, BATCH_QUERY)
        kind = content_type(request)
        events = many_events(await body_of(request), kind)
        taking = Taking(events, request_id, key.prefix, is_atomic=query.atomic, keeps=not query.dry_run)
        taken = await door.take(taking)
        rejected = [
            {"index": index, "idempotencyKey": _key_of(events[index]), "message": reason}
            for index, reason in enumerate(taken.reasons)
            if reason is not None
        ]
        if rejected and (query.atomic or not taken.accepted):
            kept = " Nothing was kept." if query.atomic else ""
            said = f"{len(rejected):,} of {len(events):,} events were refused.{kept}"
            details = [Detail(f"events[{one['index']}]", str(one["message"])) for one in rejected]
            raise ApiError(400, "VALIDATION_ERROR", said, details, beside={"rejected": rejected})
        status = "checked" if query.dry_run else "accepted"
        content: dict[str, Any] = {"status": status, "count": taken.accepted, "requestId": request_id}
        if rejected:
            content["rejected"] = rejected
            said = f"{len(rejected):,} of {len(events):,} events were refused, the first: {rejected[0]['message']}"
            refusals.note(request, ApiError(202, "REJECTED_EVENTS", said))
        if query.notices and (found := noticed(events, taken)):
            content["notices"] = by_code(found)
        return answer(200 if query.dry_run else 202, content, request_id)

    async def live(_: Request, request_id: str) -> Response:
        return answer(200, {"status": "live", "requestId": request_id}, request_id)

    async def is_ready(_: Request, request_id: str) -> Response:
        if first_reading.is_alive():
            raise ApiError(503, "NOT_READY", "The books are being read for the first time.", headers={"Retry-After": "1"})
        if reason := await run_in_threadpool(_not_ready, serving.inbox, books):
            raise ApiError(503, "NOT_READY", reason)
        return answer(200, {"status": "ready", "requestId": request_id}, request_id)

    agreeing_ = Agreeing(serving.register, books, serving.warehouse, serving.clock)
    desk = Desk(serving.books, serving.register, serving.warehouse)
    worker = Worker()
    estimating = Estimating(books, serving.warehouse, worker)
    catalogue = Catalogue(books, serving.clock)
    reader = Reader(serving.warehouse, catalogue)
    shown, end_pages = pages(Within(serving, books, catalogue, refusals)) if pages is not None else ((), lambda: None)

    def listing(scope: str, what: Records) -> Callable[[Request], Awaitable[Response]]:
        async def handler(request: Request, request_id: str) -> Response:
            keys.holder(request, scope)
            return await reader.listed(request, request_id, what)

        return _answered(handler)

    def single(scope: str, what: Records) -> Callable[[Request], Awaitable[Response]]:
        async def handler(request: Request, request_id: str) -> Response:
            keys.holder(request, scope)
            return await reader.single(request, request_id, what, request.path_params["id"])

        return _answered(handler)

    def of_contract(scope: str, what: Records) -> Callable[[Request], Awaitable[Response]]:
        async def handler(request: Request, request_id: str) -> Response:
            keys.holder(request, scope)
            return await reader.listed(request, request_id, what, {"contract": request.path_params["id"]})

        return _answered(handler)

    async def get_document(request: Request, request_id: str) -> Response:
        keys.holder(request, "invoices:read")
        return await reader.document(request, request_id, request.path_params["id"])

    async def get_balance(request: Request, request_id: str) -> Response:
        keys.holder(request, "contracts:read")
        return await reader.balance(request, request_id, request.path_params["id"])

    async def get_events(request: Request, request_id: str) -> Response:
        keys.holder(request, "usage:read")
        return await reader.events(request, request_id)

    async def get_event(request: Request, request_id: str) -> Response:
        keys.holder(request, "usage:read")
        return await reader.event(request, request_id, request.path_params["key"], serving.inbox)

    async def post_estimate(request: Request, request_id: str) -> Response:
        keys.holder(request, "pricing:read")
        parameters(request, set())
        said = await estimating.answer(await body_of(request), serving.clock.now())
        return answer(200, said | {"requestId": request_id}, request_id)

    async def post_cost(request: Request, request_id: str) -> Response:
        keys.holder(request, "usage:read")
        return await reader.cost(request, request_id, serving.clock.now())

    def agreeing(scope: str, op: str) -> Callable[[Request], Awaitable[Response]]:
        async def handler(request: Request, request_id: str) -> Response:
            key = keys.holder(request, scope)
            parameters(request, set())
            if content_type(request) != JSON:
                raise ApiError(415, "UNSUPPORTED_MEDIA_TYPE", f"This is {JSON}.")
            said = body_said(await body_of(request))
            asked = Asked(key, request_id, request.headers.get("idempotency-key"), op, said, request.path_params.get("id"))
            status, data = await run_in_threadpool(agreeing_.agree, asked)
            return answer(status, {"data": data, "requestId": request_id}, request_id)

        return _answered(handler)

    def proposing(scope: str, section: str) -> Callable[[Request], Awaitable[Response]]:
        async def handler(request: Request, request_id: str) -> Response:
            key = keys.holder(request, scope)
            parameters(request, set())
            said = await proposed(desk, section, await body_of(request), key, serving.clock.now())
            return answer(202, {**said, "requestId": request_id}, request_id)

        return _answered(handler)

    proposals = [Route(f"/v1/{plural}", proposing(scope, section), methods=["POST"]) for plural, scope, section in PROPOSED]
    agreements = [Route(path, agreeing(scope, op), methods=[method]) for method, path, scope, op, _ in openapi.AGREED]
    reading = [
        Route(f"/v1/{plural}{path}", make(scope, what), methods=["GET"])
        for plural, scope, what, _ in openapi.LISTED
        for path, make in (("", listing), ("/{id}", single))
    ]

    async def get_openapi(_: Request, request_id: str) -> Response:
        return answer(200, openapi.document(), request_id)

    routes = [
        # first what is asked for thousands of times a second: routes are tried in order
        Route("/v1/events", _answered(post_event), methods=["POST"]),
        Route("/v1/events/batch", _answered(post_batch), methods=["POST"]),
        Route("/v1/openapi.json", _answered(get_openapi), methods=["GET"]),
        *reading,
        *agreements,
        *proposals,
        Route("/v1/invoices/{id}/document", _answered(get_document), methods=["GET"]),
        Route("/v1/contracts/{id}/credits/balance", _answered(get_balance), methods=["GET"]),
        Route("/v1/contracts/{id}/credits/ledger", of_contract("contracts:read", records.LEDGER), methods=["GET"]),
        Route("/v1/contracts/{id}/usage", of_contract("usage:read", records.USAGE), methods=["GET"]),
        Route("/v1/usage/cost", _answered(post_cost), methods=["POST"]),
        Route("/v1/pricing/estimate", _answered(post_estimate), methods=["POST"]),
        Route("/v1/events", _answered(get_events), methods=["GET"]),
        Route("/v1/events/{key:path}", _answered(get_event), methods=["GET"]),
        Route("/health/live", _answered(live), methods=["GET"]),
        Route("/health/ready", _answered(is_ready), methods=["GET"]),
        *shown,
    ]
    app = Starlette(routes=routes, lifespan=lifespan, exception_handlers={HTTPException: _no_such_place})
    app.state.refusals = refusals
    return app


def _answered(handler: Handler) -> Callable[[Request], Awaitable[Response]]:
    """A handler whose errors are answers: sentences in one shape, and no trace ever (R-54)."""

    async def endpoint(request: Request) -> Response:
        request_id = new_request_id()
        try:
            return await handler(request, request_id)
        except Exception as error:
            refused = _refused(error)
            request.app.state.refusals.note(request, refused)
            return refusal(refused, request_id)

    return endpoint


def _refused(error: Exception) -> ApiError:
    if isinstance(error, ApiError):
        return error
    if isinstance(error, Busy):
        said = "Too many events wait to be written. Nothing of this request was kept: send it again in a second."
        return ApiError(429, "BUSY", said, headers={"Retry-After": "1"})
    if isinstance(error, StorageFailed):
        said = f"The events could not be written: {error}. Nothing of this request was kept: send it again later."
        return ApiError(503, "STORAGE", said)
    if sentences := sentences_of(error):
        return ApiError(503, "UNAVAILABLE", " ".join(sentences))
    return ApiError(500, "INTERNAL", "This is a defect of Meterhouse. Nothing of this request was kept.")


async def _no_such_place(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    codes = {404: "NOT_FOUND", 405: "METHOD_NOT_ALLOWED"}
    said = {404: f"There is no {request.url.path} here.", 405: f"{request.method} is not what {request.url.path} takes."}
    code = error.status_code
    return refusal(
        ApiError(code, codes.get(code, "HTTP_ERROR"), said.get(code, str(error.detail)), headers=error.headers or {}),
        new_request_id(),
    )


@dataclass(frozen=True, slots=True)
class _Query:
    dry_run: bool
    atomic: bool
    notices: bool


def _query(request: Request, known: set[str]) -> _Query:
    """What stands behind the question mark. Raises `ApiError` for what is not known, naming the nearest."""
    details = []
    for name in request.query_params:
        if name not in known:
            details.append(Detail(name, unknown(name, known, "no parameter here")))
    said = {name: request.query_params.get(name) for name in known}
    if said.get("notices") not in (None, "none", "all"):
        details.append(Detail("notices", "notices is none or all."))
    for name in ("dry_run", "dryRun", "atomic"):
        if said.get(name) not in (None, "true", "false"):
            details.append(Detail(name, f"{name} is true or false."))
    if details:
        raise all_invalid(details)
    return _Query(
        "true" in (said.get("dry_run"), said.get("dryRun")), said.get("atomic") == "true", said.get("notices") != "none"
    )


def _details(reason: str) -> list[Detail]:
    """One for each rule that an event breaks."""
    return [Detail(next((name for name in FIELDS if said.startswith(name)), ""), said) for said in _RULES.split(reason)]


# a rule's sentence may hold a semicolon; the next one begins with what it is about
_RULES = re.compile(rf"; (?=(?:{'|'.join(FIELDS)}|received_at|fields that|given more|no customer|two customers)\b)")
_loose = msgspec.json.Decoder(dict[str, Any])


def _key_of(event: bytes) -> str | None:
    """The key of an event that was refused, as far as it can be told."""
    with contextlib.suppress(msgspec.DecodeError):
        fields = _loose.decode(event)
        key = fields.get("idempotency_key") or fields.get("idempotencyKey")
        return key if isinstance(key, str) else None
    return None


def _zone_of(books: BooksOfNow) -> str:
    """The zone of bare dates; UTC while the books have mistakes, which is no reason to turn events away (R-51)."""
    try:
        return books.known().together.settings.timezone
    except Exception:
        return "UTC"


def _zone(folder: Path) -> str:
    """The same before all of the books is read."""
    try:
        return settings_of(folder).timezone
    except Exception:
        return "UTC"


def _not_ready(inbox: Path, books: BooksOfNow) -> str | None:
    if not inbox.is_dir():
        return f"The inbox {inbox} is not there."
    try:
        books.known()
    except Exception as error:
        return " ".join(sentences_of(error)[:3]) or str(error)
    return None


class _Regularly:
    """Does something every so many seconds, in a thread of its own, for as long as the door is open."""

    def __init__(self, what: Callable[[], None], seconds: float, name: str) -> None:
        self._what, self._seconds, self._end = what, seconds, threading.Event()
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._end.set()
        self._thread.join(STOP_SECONDS)  # books that are read for the first time may take longer, and end with the process

    def _work(self) -> None:
        while True:
            with contextlib.suppress(Exception):
                self._what()
            if self._end.wait(self._seconds):
                return
