"""The application: who may ask, where a request goes, and how it is answered."""

from __future__ import annotations

import contextlib
import difflib
import re
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import sqlalchemy as sa
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from dagster_project.api import openapi
from dagster_project.api.agreements import Asked, Desk, body_said
from dagster_project.api.answers import ApiError, Detail, answer, new_request_id, refusal
from dagster_project.api.clock import Clock
from dagster_project.api.door import Busy, Door, Taken, Taking
from dagster_project.api.reading import Reader, parameters
from dagster_project.api.requests import JSON, body_of, content_type, many_events, one_event
from dagster_project.api.segments import Segments, StorageFailed, remove_landed
from dagster_project.checks.notices import Notice, Notices
from dagster_project.errors import sentences_of
from dagster_project.landing.reading import FIELDS, SPELLINGS
from dagster_project.pipeline.run import read_books, stamps
from dagster_project.queries import records
from dagster_project.queries.records import Records
from dagster_project.register import keys as register_keys
from dagster_project.register import records as register_records
from dagster_project.register.agreements import fold
from dagster_project.register.keys import Key
from dagster_project.warehouse.paths import Warehouse
from rating.books import Agreed

BEARER = "Bearer "
KEYS_SECONDS = 1.0
USES_SECONDS = 60.0
HOUSE_SECONDS = 3600.0
BOOKS_SECONDS = 1.0
_SNAKE = {camel: name for name, camel in SPELLINGS.items()}
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


class Keys:
    """The keys of the register, read again every second, and who has used one since that was noted."""

    def __init__(self, register: sa.Engine, clock: Clock) -> None:
        self._register, self._clock = register, clock
        self._known: list[Key] = []
        self._read_at = self._noted_at = float("-inf")
        self._used: set[str] = set()
        self._lock = threading.Lock()

    def holder(self, request: Request, scope: str) -> Key:
        """The key of a request, if it may do that. Raises `ApiError`."""
        said = request.headers.get("authorization", "")
        if not said.startswith(BEARER) or not said[len(BEARER) :].strip():
            raise ApiError(
                401,
                "UNAUTHORIZED",
                "Missing or invalid Authorization header. Use: Authorization: Bearer <api_key>",
                headers={"WWW-Authenticate": "Bearer"},
            )
        key = register_keys.find(self._keys(), said[len(BEARER) :].strip())
        wrong = (
            "Invalid API key"
            if key is None
            else "API key has been revoked"
            if key.revoked_at is not None
            else "API key has expired"
            if key.expires_at is not None and key.expires_at <= self._clock.now()
            else None
        )
        if key is None or wrong:
            raise ApiError(401, "UNAUTHORIZED", str(wrong), headers={"WWW-Authenticate": "Bearer"})
        if not key.may(scope):
            raise ApiError(403, "FORBIDDEN", f"API key does not have the required permission: {scope}")
        self._used.add(key.prefix)
        return key

    def _keys(self) -> list[Key]:
        with self._lock:
            if time.monotonic() - self._read_at >= KEYS_SECONDS:
                self._known, self._read_at = register_keys.every(self._register), time.monotonic()
            if self._used and time.monotonic() - self._noted_at >= USES_SECONDS:
                self.note()
        return self._known

    def note(self) -> None:
        """Write down which keys were used."""
        used, self._used = self._used, set()
        self._noted_at = time.monotonic()
        with contextlib.suppress(sa.exc.SQLAlchemyError):  # nobody is turned away for that
            register_keys.note_use(self._register, sorted(used), self._clock.now())


def application(serving: Serving) -> Starlette:
    """The door as an application; it opens and closes with the server's lifespan."""
    keys = Keys(serving.register, serving.clock)
    door = Door(Segments(serving.inbox, serving.segment_age_seconds), serving.clock, _zone(serving.books))
    noticing = Noticing(serving)
    house = _Regularly(
        lambda: remove_landed(serving.inbox, serving.warehouse, serving.clock.now(), serving.keep_segments),
        HOUSE_SECONDS,
        "housekeeping",
    )
    reading_books = _Regularly(noticing.refresh, BOOKS_SECONDS, "books")

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
                keys.note()

    async def noticed(events: Sequence[bytes], taken: Taken) -> list[tuple[int, Notice]]:
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
        if query.notices and (found := await noticed([event], taken)):
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
        if query.notices and (found := await noticed(events, taken)):
            content["notices"] = _by_code(found)
        return answer(200 if query.dry_run else 202, content, request_id)

    async def live(_: Request, request_id: str) -> Response:
        return answer(200, {"status": "live", "requestId": request_id}, request_id)

    async def is_ready(_: Request, request_id: str) -> Response:
        if reason := await run_in_threadpool(_not_ready, serving):
            raise ApiError(503, "NOT_READY", reason)
        return answer(200, {"status": "ready", "requestId": request_id}, request_id)

    desk = Desk(serving.register, serving.books, serving.warehouse, serving.clock)
    reader = Reader(serving.warehouse, desk.fresh)

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
            status, data = await run_in_threadpool(desk.agree, asked)
            return answer(status, {"data": data, "requestId": request_id}, request_id)

        return _answered(handler)

    agreements = [
        Route(path, agreeing(scope, op), methods=[method])
        for path, method, scope, op in (
            ("/v1/customers", "POST", "customers:write", "customer.create"),
            ("/v1/customers/{id}", "PATCH", "customers:write", "customer.update"),
            ("/v1/contracts", "POST", "contracts:write", "contract.create"),
            ("/v1/contracts/{id}/cancel", "POST", "contracts:write", "contract.cancel"),
            ("/v1/contracts/{id}/change-plan", "POST", "contracts:write", "contract.amend"),
            ("/v1/contracts/{id}/credits/promotional/grant", "POST", "contracts:write", "grant.create"),
        )
    ]
    reading = [
        Route(f"/v1/{plural}{path}", make(scope, what), methods=["GET"])
        for plural, scope, what in (
            ("invoices", "invoices:read", records.INVOICES),
            ("customers", "customers:read", records.CUSTOMERS),
            ("contracts", "contracts:read", records.CONTRACTS),
            ("meters", "meters:read", records.METERS),
            ("plans", "plans:read", records.PLANS),
            ("pricing", "pricing:read", records.PRICINGS),
        )
        for path, make in (("", listing), ("/{id}", single))
    ]

    async def get_openapi(_: Request, request_id: str) -> Response:
        return answer(200, openapi.document(), request_id)

    routes = [
        Route("/v1/openapi.json", _answered(get_openapi), methods=["GET"]),
        *reading,
        *agreements,
        Route("/v1/invoices/{id}/document", _answered(get_document), methods=["GET"]),
        Route("/v1/contracts/{id}/credits/balance", _answered(get_balance), methods=["GET"]),
        Route("/v1/contracts/{id}/credits/ledger", of_contract("contracts:read", records.LEDGER), methods=["GET"]),
        Route("/v1/contracts/{id}/usage", of_contract("usage:read", records.USAGE), methods=["GET"]),
        Route("/v1/usage/cost", _answered(post_cost), methods=["POST"]),
        Route("/v1/events", _answered(post_event), methods=["POST"]),
        Route("/v1/events", _answered(get_events), methods=["GET"]),
        Route("/v1/events/{key:path}", _answered(get_event), methods=["GET"]),
        Route("/v1/events/batch", _answered(post_batch), methods=["POST"]),
        Route("/health/live", _answered(live), methods=["GET"]),
        Route("/health/ready", _answered(is_ready), methods=["GET"]),
    ]
    return Starlette(routes=routes, lifespan=lifespan, exception_handlers={HTTPException: _no_such_place})


def _answered(handler: Handler) -> Callable[[Request], Awaitable[Response]]:
    """A handler whose errors are answers: sentences in one shape, and no trace ever (R-54)."""

    async def endpoint(request: Request) -> Response:
        request_id = new_request_id()
        try:
            return await handler(request, request_id)
        except ApiError as error:
            return refusal(error, request_id)
        except Busy:
            said = "Too many events wait to be written. Nothing of this request was kept: send it again in a second."
            return refusal(ApiError(429, "BUSY", said, headers={"Retry-After": "1"}), request_id)
        except StorageFailed as failed:
            said = f"The events could not be written: {failed}. Nothing of this request was kept: send it again later."
            return refusal(ApiError(503, "STORAGE", said), request_id)
        except Exception as error:
            if sentences := sentences_of(error):
                return refusal(ApiError(503, "UNAVAILABLE", " ".join(sentences)), request_id)
            return refusal(
                ApiError(500, "INTERNAL", "This is a defect of Meterhouse. Nothing of this request was kept."), request_id
            )

    return endpoint


async def _no_such_place(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    codes = {404: "NOT_FOUND", 405: "METHOD_NOT_ALLOWED"}
    said = {404: f"There is no {request.url.path} here.", 405: f"{request.method} is not what {request.url.path} takes."}
    code = error.status_code
    return refusal(
        ApiError(code, codes.get(code, "HTTP_ERROR"), said.get(code, str(error.detail)), headers=error.headers or {}),
        new_request_id(),
    )


class Noticing:
    """What the books of now would make of events; a thread reads the books again where their files or the register have changed."""

    def __init__(self, serving: Serving) -> None:
        self._serving = serving
        self._notices: Notices | None = None
        self._stamp: object = None
        self.refresh()

    def about(self, events: Sequence[tuple[int, bytes]], receipt: datetime) -> list[tuple[int, Notice]]:
        """Notices by the index of their event; none while the books have mistakes, which is no reason to turn events away."""
        notices, found = self._notices, list[tuple[int, Notice]]()
        if notices is not None:
            for index, event in events:
                with contextlib.suppress(msgspec.DecodeError, ValueError):
                    found += [(index, one) for one in notices.about(_fields_of(event), receipt)]
        return found

    def refresh(self) -> None:
        """Read the books if they are others now."""
        with contextlib.suppress(Exception):
            stamp = (stamps(self._serving.books), register_records.count(self._serving.register))
            if stamp != self._stamp:
                self._stamp, self._notices = stamp, None
                agreed = fold(register_records.every(self._serving.register))
                self._notices = Notices.of(read_books(self._serving.books, Agreed(agreed.documents(), agreed.digest)))


_event = msgspec.json.Decoder(dict[str, Any], float_hook=Decimal)


def _fields_of(event: bytes) -> dict[str, Any]:
    """An event's fields in snake_case, nested properties flat, its time as an instant."""
    said = _event.decode(event)
    fields = {_SNAKE.get(name, name): value for name, value in said.items() if value not in (None, "")}
    when = fields.get("timestamp")
    if isinstance(when, str):
        read = datetime.fromisoformat(when)
        fields["timestamp"] = read.astimezone(UTC).replace(tzinfo=None) if read.tzinfo else read
    fields["properties"] = dict(_flat(fields.get("properties") or {}, ""))
    return fields


def _flat(properties: dict[str, Any], path: str) -> Iterator[tuple[str, Any]]:
    for name, value in properties.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{path}{name}.")
        else:
            yield f"{path}{name}", value


def _by_code(found: Sequence[tuple[int, Notice]]) -> list[dict[str, Any]]:
    """Notices of a batch: how many of each kind, the first for an example."""
    counted: dict[str, dict[str, Any]] = {}
    for index, one in found:
        said = counted.setdefault(one.code, {"code": one.code, "count": 0, "example": {"index": index, "message": one.message}})
        said["count"] += 1
    return list(counted.values())


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
            near = difflib.get_close_matches(name, known, 1)
            details.append(Detail(name, f"{name} is no parameter here" + (f"; did you mean {near[0]}?" if near else ".")))
    said = {name: request.query_params.get(name) for name in known}
    if said.get("notices") not in (None, "none", "all"):
        details.append(Detail("notices", "notices is none or all."))
    for name in ("dry_run", "dryRun", "atomic"):
        if said.get(name) not in (None, "true", "false"):
            details.append(Detail(name, f"{name} is true or false."))
    if details:
        raise ApiError(400, "VALIDATION_ERROR", " ".join(one.message for one in details), details)
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


def _zone(books: Path) -> str:
    """The zone of bare dates; UTC while the books have mistakes, which is no reason to turn events away (R-51)."""
    try:
        return read_books(books).settings.timezone
    except Exception:
        return "UTC"


def _not_ready(serving: Serving) -> str | None:
    if not serving.inbox.is_dir():
        return f"The inbox {serving.inbox} is not there."
    try:
        read_books(serving.books)
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
        self._thread.join()

    def _work(self) -> None:
        while True:
            with contextlib.suppress(Exception):
                self._what()
            if self._end.wait(self._seconds):
                return
