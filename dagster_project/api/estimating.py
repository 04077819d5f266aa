"""`POST /v1/pricing/estimate`: what events would cost, worked out by a process beside the door (R-69)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec
from starlette.concurrency import run_in_threadpool

from dagster_project.api.answers import (
    ApiError,
    Detail,
    all_invalid,
    body_said,
    fields_as_sent,
    instant_text,
    minor_units,
    text_of,
    unknown,
)
from dagster_project.api.books_of_now import BooksOfNow, Known, plan_named
from dagster_project.api.catalogue import broken
from dagster_project.api.noticing import fields_of
from dagster_project.api.reading import credit_rate_of, in_credits, total_of
from dagster_project.api.worker import Worker
from dagster_project.checks.notices import Notice, Notices
from dagster_project.errors import UserError
from dagster_project.pipeline import contract_copies
from dagster_project.pipeline.estimate import CannotEstimate, Estimate, EventsRefused, ToEstimate, estimate
from dagster_project.warehouse import issued
from dagster_project.warehouse.paths import Warehouse
from rating.books import Books, BooksError

MOST_EVENTS = 500
FIELDS = ("events", "planId", "contractId", "mode", "creditRateCents")
MODES = ("merge", "replace")

_events = msgspec.json.Decoder(list[msgspec.Raw])


@dataclass(frozen=True, slots=True)
class _Asked:
    events: Sequence[bytes]
    plan: str | None
    contract: str | None
    mode: str
    credit_rate: Decimal | None


class Estimating:
    """Asks the models and the kernel about events that nobody has sent yet."""

    def __init__(self, books: BooksOfNow, warehouse: Warehouse, worker: Worker) -> None:
        self._books, self._warehouse, self._worker = books, warehouse, worker

    async def answer(self, body: bytes, now: datetime) -> dict[str, Any]:
        """Raises `ApiError`."""
        return await run_in_threadpool(self._answered, _read(body), now)

    def _answered(self, asked: _Asked, now: datetime) -> dict[str, Any]:
        try:
            known = self._books.known()
        except BooksError as error:
            raise broken(error) from None
        fields = [_fields_of(event) for event in asked.events]
        books = _books_of(known, asked, fields, now)
        on_top_of = self._warehouse if asked.contract is not None and asked.mode == "merge" else None
        try:
            found = self._worker.do(estimate, ToEstimate(books, asked.events, now, on_top_of, asked.plan is not None))
        except EventsRefused as refused:
            raise all_invalid([Detail(f"events[{index}]", reason) for index, reason in refused.reasons.items()]) from None
        except CannotEstimate as cannot:
            raise ApiError(400, "NOT_EXACT", " ".join(cannot.sentences)) from None
        except UserError as error:
            raise ApiError(503, "RUN_AT_WORK", " ".join(error.sentences)) from None
        latest = issued.latest_as_of(self._warehouse) if on_top_of is not None else None
        return _shown(found, books, asked, _noticed(books, fields, now)) | {"asOf": instant_text(latest) if latest else None}


def _read(body: bytes) -> _Asked:
    """Raises `ApiError` with all that is wrong."""
    said, raw = body_said(body), fields_as_sent(body)
    details = [Detail(name, unknown(name, FIELDS)) for name in said if name not in FIELDS]
    try:
        events = [bytes(event) for event in _events.decode(raw.get("events", msgspec.Raw(b"[]")))]
    except msgspec.DecodeError:
        events = []
    if not events:
        details.append(Detail("events", f"events is a list of 1 to {MOST_EVENTS} events."))
    if len(events) > MOST_EVENTS:
        told = f"An estimate takes at most {MOST_EVENTS} events, and this one has {len(events):,}."
        raise ApiError(400, "TOO_MANY_EVENTS", told, [Detail("events", told)])
    if (said.get("planId") is None) == (said.get("contractId") is None):
        details.append(Detail("planId", "Give planId, for list prices, or contractId, for its terms: one of the two."))
    for name in ("planId", "contractId"):
        if said.get(name) is not None and not isinstance(said[name], str):
            details.append(Detail(name, f"{name} is a text."))
    mode = said.get("mode") or MODES[0]
    if mode not in MODES:
        details.append(Detail("mode", "mode is merge (on top of the usage of the last run) or replace."))
    credit_rate = credit_rate_of(said, details)
    if details:
        raise all_invalid(details)
    return _Asked(events, said.get("planId"), said.get("contractId"), mode, credit_rate)


def _books_of(known: Known, asked: _Asked, fields: Sequence[Mapping[str, Any] | None], now: datetime) -> Books:
    if asked.contract is not None:
        if known.contract(asked.contract) is None:
            raise ApiError(404, "NOT_FOUND", f"There is no contract {asked.contract}.")
        return contract_copies.one_contract(known.together, asked.contract)
    plan = plan_named(asked.plan, known)["plan_code"]
    since = min([now, *(one["timestamp"] for one in fields if one and isinstance(one.get("timestamp"), datetime))])
    return contract_copies.at_list_price(known.together, plan, since.date())


def _fields_of(event: bytes) -> Mapping[str, Any] | None:
    try:
        return fields_of(event)
    except (msgspec.DecodeError, ValueError, TypeError, AttributeError):
        return None  # landing says what is wrong with it


def _noticed(books: Books, fields: Sequence[Mapping[str, Any] | None], now: datetime) -> list[tuple[Notice, ...]]:
    """Notices of each event, as the contract's customer's where it names none."""
    notices, customer = Notices.of(books), books.contracts.item(0, "customer_id")
    found: list[tuple[Notice, ...]] = []
    for one in fields:
        if one is None or not one.get("event_name"):
            found.append(())
            continue
        anybody = {name: value for name, value in one.items() if name not in ("contract_id", "external_customer_id")}
        is_named = customer != contract_copies.AT_LIST_PRICE and (one.get("customer_id") or one.get("external_customer_id"))
        found.append(notices.about(one if is_named else {**anybody, "customer_id": customer}, now))
    return found


def _shown(found: Estimate, books: Books, asked: _Asked, notices: Sequence[tuple[Notice, ...]]) -> dict[str, Any]:
    [(currency, digits)] = books.contracts.select("currency", "minor_digits").rows()
    events, meters = (list(frame.iter_rows(named=True)) for frame in (found.events, found.meters))
    total = sum((row["exact_amount"] for row in events), Decimal(0))
    billed = sum((row["amount"] for row in meters), Decimal(0))
    shares = [[row["exact_amount"] for row in rows] for rows in (events, meters)]
    if asked.credit_rate is not None:
        shares = [in_credits(amounts, digits, asked.credit_rate) for amounts in shares]
    of_events = [
        {
            "index": row["index"],
            "idempotencyKey": row["idempotency_key"],
            "eventName": row["event_name"],
            "amount": text_of(amount),
            "notices": [{"code": one.code, "message": one.message} for one in notices[row["index"]]],
        }
        for row, amount in zip(events, shares[0], strict=True)
    ]
    return {
        **total_of(total, currency, asked.credit_rate),
        "billedAmount": text_of(billed),
        "billedAmountCents": minor_units(billed, digits),
        "planId": asked.plan,
        "contractId": asked.contract,
        "mode": asked.mode if asked.contract is not None else None,
        "events": of_events,
        "meters": [
            {
                "meterCode": row["meter_code"],
                "kind": row["kind"],
                "quantity": None if row["quantity"] is None else text_of(row["quantity"]),
                "amount": text_of(amount),
                "billedAmount": text_of(row["amount"]),
                "billedAmountCents": minor_units(row["amount"], digits),
            }
            for row, amount in zip(meters, shares[1], strict=True)
        ],
        "unpriced": [
            {**said, "notices": said["notices"] or [{"code": row["disposition"], "message": _why(row)}]}
            for said, row in zip(of_events, events, strict=True)
            if row["disposition"] != "metered"
        ],
    }


_WHY = {
    "superseded": "A later event of the request has the same key.",
    "voided": "A later event of the request takes it back.",
    "bad_quantity": "No number can be read of it.",
    "no_meter": "No meter takes it.",
    "unknown_customer": "The contract does not cover its customer.",
    "no_active_contract": "The contract is not active at its time.",
}


def _why(row: Mapping[str, Any]) -> str:
    return _WHY.get(str(row["disposition"]), "Nobody would be billed for it.")
