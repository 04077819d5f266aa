"""Bodies of self-serve requests: what may be said, and the terms of the books that it comes to (R-54, R-63)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any
from zoneinfo import ZoneInfo

from dagster_project.api.answers import ApiError, Detail, all_invalid, invalid, text_of, unknown
from dagster_project.register.agreements import BESIDE
from dagster_project.register.keys import Key
from rating.calendar import naive_utc

METADATA_KEYS = 10
PAGE = "Propose it to be reviewed instead: /desk"

# what a request may say, by op: fields that must be there, and others
FIELDS: Mapping[str, tuple[set[str], set[str]]] = {
    "customer.create": ({"name"}, {"externalCustomerId", "legalName", "billingAddress", "contacts", "metadata"}),
    "customer.update": (set(), {"name", "externalCustomerId", "legalName", "billingAddress", "contacts", "metadata"}),
    "contract.create": (
        {"planId"},
        {"customerId", "externalCustomerId", "startDate", "endDate", "timezone", "billingAnchor", "metadata"},
    ),
    "contract.cancel": ({"cancelAt"}, set()),
    "contract.amend": ({"planId", "changeOption"}, {"changeDate"}),
    "grant.create": (
        {"expiresAt"},
        {"amountCents", "creditRateCents", "creditAmount", "effectiveAt", "externalId", "appliesTo", "description"},
    ),
}
REVIEWED = {
    "contract.create": {
        "baseFee",
        "minimumSpend",
        "maximumSpend",
        "rateOverrides",
        "netTerms",
        "amendments",
        "charges",
        "commitments",
    },
    "grant.create": {"price", "purchaseRateCents", "kind", "priority", "every", "rollover"},
}


@dataclass(frozen=True, slots=True)
class Asked:
    """Who asks for what. said: the body, names in camelCase."""

    key: Key
    request_id: str
    idempotency_key: str | None
    op: str
    said: Mapping[str, Any]
    subject: str | None = None

    @property
    def hash(self) -> str:
        content = json.dumps([self.op, self.subject, self.said], sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(content.encode()).hexdigest()


def require_fields(asked: Asked) -> None:
    needed, others = FIELDS[asked.op]
    reviewed = sorted(set(asked.said) & REVIEWED.get(asked.op, set()))
    if reviewed:
        raise review_required(f"{', '.join(reviewed)} cannot be agreed by API.")
    details = []
    for name in asked.said:
        if name not in needed | others:
            details.append(Detail(name, unknown(name, needed | others)))
    details += [Detail(name, f"{name} is missing.") for name in sorted(needed) if asked.said.get(name) in (None, "")]
    metadata = asked.said.get("metadata")
    if metadata is not None and not (isinstance(metadata, dict) and len(metadata) <= METADATA_KEYS):
        details.append(Detail("metadata", f"metadata is an object of at most {METADATA_KEYS} keys."))
    for name in ("contacts", "appliesTo"):
        value = asked.said.get(name)
        if value is not None and not (isinstance(value, list) and all(isinstance(one, str) for one in value)):
            details.append(Detail(name, f"{name} is a list of texts."))
    if details:
        raise all_invalid(details)


def customer_terms(said: Mapping[str, Any]) -> dict[str, Any]:
    names = {
        "name": "name",
        "externalCustomerId": "external_id",
        "legalName": "legal_name",
        "billingAddress": "billing_address",
        "contacts": "contacts",
    }
    return {key: said[name] for name, key in names.items() if said.get(name) is not None}


def grant_worth(said: Mapping[str, Any], digits: int) -> dict[str, str]:
    """What a grant holds: money, or units at a rate."""
    by_amount, by_units = said.get("amountCents") is not None, said.get("creditAmount") is not None
    if by_amount == by_units:
        raise invalid("amountCents", "Give amountCents, or creditRateCents with creditAmount.")
    if by_amount:
        cents = decimal_of("amountCents", said["amountCents"])
        if cents != cents.to_integral_value() or cents <= 0:
            raise invalid("amountCents", "amountCents is a whole number of the minor unit, above 0.")
        return {"amount": text_of(cents.scaleb(-digits))}
    rate = decimal_of("creditRateCents", said.get("creditRateCents"))
    if rate <= 0:
        raise invalid("creditRateCents", "creditRateCents is above 0: units at no rate pay for nothing.")
    return {"credits": text_of(decimal_of("creditAmount", said["creditAmount"])), "credit_rate": text_of(rate.scaleb(-digits))}


def decimal_of(name: str, value: Any) -> Decimal:
    try:
        if isinstance(value, bool):
            raise InvalidOperation
        found = Decimal(str(value))
    except InvalidOperation:
        raise invalid(name, f"{name} is no number.") from None
    if not found.is_finite():
        raise invalid(name, f"{name} is no number.")
    return found


def day_of(name: str, value: Any, what: str) -> date:
    try:
        return date.fromisoformat(str(value))
    except ValueError:
        raise invalid(name, f"{name} is {what} such as 2026-03-01.") from None


def moment_of(name: str, value: Any) -> datetime:
    try:
        found = datetime.fromisoformat(str(value))
    except ValueError:
        raise invalid(name, f"{name} is no instant such as 2026-06-01T00:00:00Z.") from None
    return naive_utc(found)


def zone_of(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise invalid("timezone", f"{name} is no time zone such as Europe/Berlin.") from None


def first_instant(day: date, zone: ZoneInfo) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC).replace(tzinfo=None)


def beside(said: Mapping[str, Any], *names: str) -> dict[str, Any]:
    kept = {name: said[name] for name in names if said.get(name) is not None}
    return {BESIDE: kept} if kept else {}


def review_required(said: str) -> ApiError:
    return ApiError(403, "REVIEW_REQUIRED", f"{said} {PAGE}.")
