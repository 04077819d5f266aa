"""Self-serve agreements: what a key may agree without a review becomes a record, and books of the next run hold it (R-63 to R-66)."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import polars as pl
import sqlalchemy as sa

from dagster_project.api.answers import ApiError, Detail, all_invalid, camel, instant_text, invalid, minor_units, text_of
from dagster_project.api.books_of_now import BooksOfNow, Known, plan_named, row_of
from dagster_project.api.catalogue import broken
from dagster_project.api.clock import Clock
from dagster_project.api.terms import (
    Asked,
    beside,
    customer_terms,
    day_of,
    first_instant,
    grant_worth,
    moment_of,
    require_fields,
    review_required,
    zone_of,
)
from dagster_project.register import records
from dagster_project.register.agreements import Item, fold, item_after
from dagster_project.register.keys import START
from dagster_project.register.records import Draft, Record, Taken
from dagster_project.warehouse import issued
from dagster_project.warehouse.paths import Warehouse
from rating import books
from rating.books import BooksError
from rating.calendar import local_date
from rating.schedule import build_schedule

LETTERS = "abcdefghijklmnopqrstuvwxyz"
ID_LETTERS = 26
PREFIX = {"customer": "cus_", "contract": "ctr_", "grant": "gr_"}


class Agreeing:
    """Takes agreements of one door, one after the other."""

    def __init__(self, register: sa.Engine, books_of_now: BooksOfNow, warehouse: Warehouse, clock: Clock) -> None:
        self._register, self._books, self._warehouse, self._clock = register, books_of_now, warehouse, clock
        self._lock = threading.Lock()

    def agree(self, asked: Asked) -> tuple[int, dict[str, Any]]:
        """The status and the answer of a request to agree to something. Raises `ApiError`."""
        with self._lock:
            known = self._known()
            if (before := self._answered(asked, known)) is not None:
                return before
            require_fields(asked)
            now = self._clock.now()
            made = _MAKERS[asked.op](self, asked, known, now)
            if isinstance(made, Item):  # the same terms again
                return 200, answer_of(asked.op, made, known)
            draft = Draft(f"{START}{asked.key.prefix}…", asked.request_id, asked.hash, asked.op, made, asked.idempotency_key)
            after = self._sound(draft, known, now)
            try:
                record = records.append(self._register, draft, now)
            except Taken:
                found = self._answered(asked, known)
                assert found is not None
                return found
            self._books.adopt(known, record, after)
            return self._told(asked.op, record, known)

    def _answered(self, asked: Asked, known: Known) -> tuple[int, dict[str, Any]] | None:
        """The answer of the first time, where a request came before under the same key (R-66)."""
        if asked.idempotency_key is None:
            return None
        record = records.by_key(self._register, asked.idempotency_key)
        if record is None:
            return None
        if record.request_hash != asked.hash:
            raise ApiError(
                409, "IDEMPOTENCY_CONFLICT", f"Idempotency-Key {asked.idempotency_key} was used for another request."
            )
        return self._told(asked.op, record, known)

    def _told(self, op: str, record: Record, known: Known) -> tuple[int, dict[str, Any]]:
        return (201 if op.endswith(".create") else 200), answer_of(op, self._item_of_then(record, known), known)

    def _item_of_then(self, record: Record, known: Known) -> Item:
        """What a record left of its item, whatever was agreed since."""
        item = known.agreed.items.get(record.item["id"])
        if record.seq == known.agreed.last + 1 or record.op.endswith(".create"):
            item = item_after(record, item)
        elif item is None or item.record.seq != record.seq:
            item = fold([one for one in records.every(self._register) if one.seq <= record.seq]).items[record.item["id"]]
        assert item is not None
        return item

    def _known(self) -> Known:
        try:
            return self._books.known()
        except BooksError as error:
            raise broken(error) from None

    def _sound(self, draft: Draft, known: Known, now: datetime) -> Known:
        """The books with this. Raises `ApiError` where they would have a mistake."""
        next_one = Record(known.agreed.last + 1, now, draft.by, "", None, "", draft.op, draft.item, "", "")
        try:
            after = self._books.after(known, [next_one])
        except BooksError as error:
            mine = [problem for problem in error.problems if problem.file == next_one.place]
            if not mine:
                raise broken(error) from None
            details = [Detail(camel(problem.path.rpartition(".")[2]), f"{problem.what}. {problem.fix}.") for problem in mine]
            raise all_invalid(details) from None
        if draft.op in ("contract.cancel", "contract.amend"):
            headers = issued.read_headers(self._warehouse, now)
            problems = books.problems_against(after.together, headers, issued.contract_facts(self._warehouse, now))
            if problems:
                raise ApiError(409, "CONFLICT", " ".join(f"{problem.what}. {problem.fix}." for problem in problems[:5]))
        return after

    # --- what each request makes: the item of a record, or what is there already ---------------------------------------------------

    def _customer(self, asked: Asked, known: Known, _: datetime) -> dict[str, Any] | Item:
        item = customer_terms(asked.said)
        external = item.get("external_id")
        if external is not None and (there := known.customer(external=external)) is not None:
            mine = known.agreed.items.get(there["customer_id"])
            if mine is not None and {**mine.terms, "id": ""} == {**item, "id": ""}:
                return mine
            raise ApiError(
                409, "CONFLICT", f"externalCustomerId {external} is {there['customer_id']} already, with other terms."
            )
        return {"id": _new_id("customer"), **item, **beside(asked.said, "metadata")}

    def _customer_update(self, asked: Asked, known: Known, _: datetime) -> dict[str, Any] | Item:
        self._require_own(known, "customer", asked.subject)
        return {"id": asked.subject, **customer_terms(asked.said), **beside(asked.said, "metadata")}

    def _contract(self, asked: Asked, known: Known, now: datetime) -> dict[str, Any] | Item:
        said = asked.said
        customer = self._customer_named(said, known)
        plan = self._self_serve_plan(said["planId"], known)
        zone = zone_of(said.get("timezone") or known.together.settings.timezone)
        item: dict[str, Any] = {
            "id": _new_id("contract"),
            "customer": customer,
            "plan": plan,
            "start_date": said.get("startDate") or f"{local_date(now, zone)}",
            "status": "approved",
        }
        for name, key in (("endDate", "end_date"), ("timezone", "timezone"), ("billingAnchor", "billing_anchor")):
            if said.get(name) is not None:
                item[key] = str(said[name])
        return item | beside(said, "metadata")

    def _cancel(self, asked: Asked, known: Known, now: datetime) -> dict[str, Any] | Item:
        contract = self._own_contract(asked, known)
        when = asked.said["cancelAt"]
        today = local_date(now, zone_of(contract["timezone"]))
        if when == "end_of_period":
            end = self._period_end(known, contract, now)
        elif when == "immediately":
            end = today + timedelta(days=1)
        else:
            end = day_of("cancelAt", when, "end_of_period, immediately or a day")
        return {"id": contract["contract_id"], "end_date": f"{end}"}

    def _change_plan(self, asked: Asked, known: Known, now: datetime) -> dict[str, Any] | Item:
        contract = self._own_contract(asked, known)
        plan = self._self_serve_plan(asked.said["planId"], known)
        option = asked.said["changeOption"]
        if option == "end_of_period":
            day = self._period_end(known, contract, now)
        elif option == "requested_date":
            day = day_of("changeDate", asked.said.get("changeDate"), "a day")
        else:
            raise invalid("changeOption", "changeOption is end_of_period or requested_date.")
        return {"id": contract["contract_id"], "amendment": {"effective_date": f"{day}", "plan": plan}}

    def _grant(self, asked: Asked, known: Known, now: datetime) -> dict[str, Any] | Item:
        said, contract = asked.said, known.contract(str(asked.subject))
        if contract is None:
            raise ApiError(404, "NOT_FOUND", f"There is no contract {asked.subject}.")
        if contract["status"] == "draft":
            raise ApiError(409, "CONFLICT", f"{asked.subject} is a draft: nobody is billed for it, and it takes no credits.")
        zone = zone_of(contract["timezone"])
        expires = moment_of("expiresAt", said["expiresAt"])
        if expires <= now:
            raise invalid("expiresAt", "expiresAt lies in the past.")
        today = local_date(now, zone)
        start = moment_of("effectiveAt", said["effectiveAt"]) if said.get("effectiveAt") else first_instant(today, zone)
        item: dict[str, Any] = {
            "id": _new_id("grant"),
            "contract": asked.subject,
            "kind": "promotional",
            "effective_at": instant_text(start),
            "expires_at": instant_text(expires),
        }
        item |= grant_worth(said, contract["minor_digits"])
        if said.get("appliesTo"):
            item["applies_to"] = list(said["appliesTo"])
        external = said.get("externalId")
        mine = known.agreed_grants(str(asked.subject))
        for one in mine:
            if external is not None and one.beside.get("externalId") == external:
                if {**one.terms, "id": "", "effective_at": ""} == {**item, "id": "", "effective_at": ""}:
                    return one
                raise ApiError(409, "CONFLICT", f"externalId {external} is {one.terms['id']} already, with other terms.")
        self._require_within_limits(item, known, len(mine))
        return item | beside(said, "externalId", "description")

    @staticmethod
    def _require_within_limits(item: Mapping[str, Any], known: Known, count: int) -> None:
        """R-63: how much and how often is said in reviewed books."""
        limits = known.together.settings.self_serve
        worth = Decimal(item["amount"]) if "amount" in item else Decimal(item["credits"]) * Decimal(item["credit_rate"])
        if limits is None or limits.grant_max is None:
            raise review_required("The books allow no grants by API (settings.self_serve.grant_max).")
        if worth > limits.grant_max:
            raise review_required(f"The books allow grants of at most {text_of(limits.grant_max, 2)} by API.")
        if limits.grants_per_contract is not None and count >= limits.grants_per_contract:
            raise review_required(
                f"The books allow {limits.grants_per_contract} grants a contract by API, and this one has {count}."
            )

    def _customer_named(self, said: Mapping[str, Any], known: Known) -> str:
        by_id, external = said.get("customerId"), said.get("externalCustomerId")
        if (by_id is None) == (external is None):
            raise invalid("customerId", "Give customerId or externalCustomerId, one of the two.")
        found = known.customer(by_id, external)
        if found is None:
            raise ApiError(404, "NOT_FOUND", f"There is no customer {by_id or external}.")
        return str(found["customer_id"])

    @staticmethod
    def _self_serve_plan(code: Any, known: Known) -> str:
        if not plan_named(code, known)["is_self_serve"]:
            raise review_required(f"Plan {code} is not for self-service.")
        return str(code)

    def _own_contract(self, asked: Asked, known: Known) -> dict[str, Any]:
        self._require_own(known, "contract", asked.subject)
        found = known.contract(str(asked.subject))
        assert found is not None
        return found

    @staticmethod
    def _require_own(known: Known, kind: str, subject: str | None) -> None:
        """Raise `ApiError` unless the register made it: what stands in the folder is changed there (R-65)."""
        if known.is_of_folder(kind, str(subject)):
            raise ApiError(409, "MANAGED_IN_BOOKS", f"{subject} stands in the books and is changed there, by a review.")
        item = known.agreed.items.get(str(subject))
        if item is None or item.kind != kind:
            raise ApiError(404, "NOT_FOUND", f"There is no {kind} {subject}.")

    @staticmethod
    def _period_end(known: Known, contract: Mapping[str, Any], now: datetime) -> date:
        """The first local day after the billing period of now; of the first period where the contract has not begun."""
        one = known.together.only(pl.Series("contract_id", [contract["contract_id"]]))
        start = first_instant(contract["start_date"], zone_of(contract["timezone"]))
        moment = max(now, start)
        periods = build_schedule(one, moment, None).periods.filter(pl.col("period_start") <= moment).sort("period_start")
        if periods.is_empty():
            raise ApiError(409, "CONFLICT", f"{contract['contract_id']} has no billing period at this time.")
        end: datetime = periods.item(-1, "period_end")
        return local_date(end, zone_of(contract["timezone"]))


_MAKERS: Mapping[str, Callable[[Agreeing, Asked, Known, datetime], dict[str, Any] | Item]] = {
    "customer.create": Agreeing._customer,
    "customer.update": Agreeing._customer_update,
    "contract.create": Agreeing._contract,
    "contract.cancel": Agreeing._cancel,
    "contract.amend": Agreeing._change_plan,
    "grant.create": Agreeing._grant,
}


def answer_of(op: str, item: Item, known: Known) -> dict[str, Any]:
    """What is answered of something agreed."""
    if item.kind == "customer":
        return customer(item)
    if item.kind == "grant":
        return _grant_answer(item, known)
    if op == "contract.cancel":
        return {"id": item.terms["id"], "isActive": True, "effectiveCancellationDate": item.terms["end_date"]}
    if op == "contract.amend":
        amendment = item.terms["amendments"][-1]
        return {"id": item.terms["id"], "planId": amendment["plan"], "effectiveDate": amendment["effective_date"]}
    return contract(item, known)


def customer(item: Item) -> dict[str, Any]:
    terms = item.terms
    return {
        "id": terms["id"],
        "externalCustomerId": terms.get("external_id"),
        "name": terms.get("name"),
        "legalName": terms.get("legal_name"),
        "billingAddress": terms.get("billing_address"),
        "contacts": terms.get("contacts") or [],
        "metadata": item.beside.get("metadata") or {},
        "createdAt": instant_text(item.first.at),
    }


def contract(item: Item, known: Known) -> dict[str, Any]:
    terms = item.terms
    plan = row_of(known.together.plans, "plan_code", terms["plan"])
    return {
        "id": terms["id"],
        "customerId": terms["customer"],
        "planId": terms["plan"],
        "name": plan["name"] if plan else None,
        "startDate": terms["start_date"],
        "endDate": terms.get("end_date"),
        "isActive": True,
        "status": terms["status"],
        "createdAt": instant_text(item.first.at),
        "metadata": item.beside.get("metadata") or {},
        "place": item.record.place,
    }


def _grant_answer(item: Item, known: Known) -> dict[str, Any]:
    terms = item.terms
    found = known.contract(terms["contract"])
    digits, currency = (found["minor_digits"], found["currency"]) if found else (2, None)
    units = terms.get("credits")
    worth = Decimal(terms["amount"]) if "amount" in terms else Decimal(units or 0) * Decimal(terms["credit_rate"])
    return {
        "id": terms["id"],
        "type": "grant",
        "contractId": terms["contract"],
        "amountCents": minor_units(worth, digits),
        "creditAmount": units,
        "creditRateCents": text_of(Decimal(terms["credit_rate"]).scaleb(digits)) if units else None,
        "purchaseRateCents": 0,
        "currency": currency,
        "effectiveAt": terms["effective_at"],
        "expiresAt": terms["expires_at"],
        "appliesTo": terms.get("applies_to") or [],
        "externalId": item.beside.get("externalId"),
        "description": item.beside.get("description"),
        "isPromotional": True,
        "createdAt": instant_text(item.first.at),
    }


def _new_id(kind: str) -> str:
    return PREFIX[kind] + "".join(secrets.choice(LETTERS) for _ in range(ID_LETTERS))
