"""What the door answers to, as an OpenAPI document (`/v1/openapi.json`, R-51)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from dagster_project.api.proposing import PROPOSED
from dagster_project.api.terms import FIELDS
from dagster_project.queries import records
from dagster_project.queries.events import CHOSEN_BY

PAGING = ("limit", "offset")
TEXT = {"type": "string"}
DAY = {"type": "string", "format": "date"}
LICENSE = {"name": "Apache-2.0", "identifier": "Apache-2.0"}
ERROR = {"$ref": "#/components/schemas/Error"}
_REFUSALS = {
    "400": "what is wrong, all of it",
    "401": "no key, or one that is of no use",
    "403": "the key may not do that, or it needs a review",
    "503": "not now: the reason is said",
}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """method, path, scope: who may. says: one line. query: names of parameters. body: schema of a JSON body. status: of success."""

    method: str
    path: str
    scope: str | None
    says: str
    query: Sequence[str] = ()
    body: Mapping[str, Any] | None = None
    status: int = 200


_EVENT = {
    "type": "object",
    "description": "an event; names in camelCase or snake_case (docs/events.md)",
    "required": ["eventName"],
    "properties": {
        **dict.fromkeys(("eventName", "customerId", "externalCustomerId", "contractId", "idempotencyKey"), TEXT),
        "timestamp": {"type": "string", "format": "date-time"},
        "properties": {"type": "object"},
        "tombstone": {"type": "boolean"},
    },
}
_BATCH = {
    "type": "object",
    "required": ["events"],
    "properties": {"events": {"type": "array", "maxItems": 10_000, "items": _EVENT}},
}


def _fields(op: str) -> dict[str, Any]:
    needed, others = FIELDS[op]
    return {
        "type": "object",
        "required": sorted(needed),
        "properties": {name: {} for name in sorted(needed | others)},
        "additionalProperties": False,
    }


_COST = {
    "type": "object",
    "properties": {
        **dict.fromkeys(("contractId", "customerId", "externalCustomerId"), TEXT),
        "startDate": DAY,
        "endDate": DAY,
        "eventNames": {"type": "array", "maxItems": 50, "items": TEXT},
        "creditRateCents": {"type": "number"},
    },
}
_ESTIMATE = {
    "type": "object",
    "required": ["events"],
    "properties": {
        "events": {"type": "array", "minItems": 1, "maxItems": 500, "items": _EVENT},
        **dict.fromkeys(("planId", "contractId"), TEXT),
        "mode": {"enum": ["merge", "replace"]},
        "creditRateCents": {"type": "number"},
    },
    "additionalProperties": False,
}
_PROPOSED = {
    "type": "object",
    "description": "an item of the books (docs/books.md), names in camelCase or snake_case; because: why",
    "required": ["code"],
    "properties": {"code": TEXT, "because": TEXT},
}
# marts that are listed, and shown one by one: path, scope, rows, and a line about them
LISTED = (
    ("invoices", "invoices:read", records.INVOICES, "Invoices, drafts too"),
    ("customers", "customers:read", records.CUSTOMERS, "Customers"),
    ("contracts", "contracts:read", records.CONTRACTS, "Contracts"),
    ("meters", "meters:read", records.METERS, "Meters"),
    ("plans", "plans:read", records.PLANS, "Plans"),
    ("pricing", "pricing:read", records.PRICINGS, "Pricings"),
)
# what may be agreed to: method, path, scope, op of the record, and a line about it
AGREED = (
    ("POST", "/v1/customers", "customers:write", "customer.create", "Sign a customer up"),
    ("PATCH", "/v1/customers/{id}", "customers:write", "customer.update", "Change a customer"),
    ("POST", "/v1/contracts", "contracts:write", "contract.create", "Agree to a plan"),
    ("POST", "/v1/contracts/{id}/cancel", "contracts:write", "contract.cancel", "End a contract"),
    ("POST", "/v1/contracts/{id}/change-plan", "contracts:write", "contract.amend", "Change the plan"),
    ("POST", "/v1/contracts/{id}/credits/promotional/grant", "contracts:write", "grant.create", "Grant promotional credits"),
)
ENDPOINTS = (
    Endpoint("POST", "/v1/events", "usage:write", "Take an event", ("notices", "dryRun"), _EVENT, 202),
    Endpoint("POST", "/v1/events/batch", "usage:write", "Take events", ("notices", "dryRun", "atomic"), _BATCH, 202),
    Endpoint("GET", "/v1/events", "usage:read", "Landed versions of events, the latest first", (*PAGING, *CHOSEN_BY)),
    Endpoint("GET", "/v1/events/{key}", "usage:read", "Every version of one key"),
    *(
        Endpoint(
            "GET", f"/v1/{plural}", scope, says, (*PAGING, *what.chosen_by, *(("include",) if what is records.INVOICES else ()))
        )
        for plural, scope, what, says in LISTED
    ),
    *(Endpoint("GET", f"/v1/{plural}/{{id}}", scope, f"{says}: one of them") for plural, scope, _, says in LISTED),
    Endpoint("GET", "/v1/invoices/{id}/document", "invoices:read", "An invoice as a file", ("format",)),
    Endpoint("GET", "/v1/contracts/{id}/credits/balance", "contracts:read", "What a contract's credits hold"),
    Endpoint("GET", "/v1/contracts/{id}/credits/ledger", "contracts:read", "Movements of a contract's credits", PAGING),
    Endpoint("GET", "/v1/contracts/{id}/usage", "usage:read", "Usage of a contract, with amounts", (*PAGING, "periodStart")),
    Endpoint("POST", "/v1/usage/cost", "usage:read", "What usage of whole periods comes to", body=_COST),
    Endpoint("POST", "/v1/pricing/estimate", "pricing:read", "What events would cost; nothing is kept", body=_ESTIMATE),
    *(
        Endpoint(method, path, scope, says, body=_fields(op), status=201 if op.endswith(".create") else 200)
        for method, path, scope, op, says in AGREED
    ),
    *(
        Endpoint("POST", f"/v1/{plural}", scope, f"Propose one more of the {section}", body=_PROPOSED, status=202)
        for plural, scope, section in PROPOSED
    ),
    Endpoint("GET", "/v1/openapi.json", None, "This document"),
    Endpoint("GET", "/health/live", None, "Whether the door is open"),
    Endpoint("GET", "/health/ready", None, "Whether books and inbox are as they must be"),
)


def document() -> dict[str, Any]:
    """The whole of it."""
    paths: dict[str, dict[str, Any]] = {}
    for endpoint in ENDPOINTS:
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = _operation(endpoint)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Meterhouse",
            "version": version("meterhouse"),
            "license": LICENSE,
        },
        "paths": paths,
        "components": {
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer", "description": "meterhouse keys create"}},
            "schemas": {
                "Error": {
                    "type": "object",
                    "required": ["error", "requestId"],
                    "properties": {
                        "error": {
                            "type": "object",
                            "required": ["message", "code"],
                            "properties": {
                                "message": TEXT,
                                "code": TEXT,
                                "details": {
                                    "type": "array",
                                    "items": {
                                        "type": "object",
                                        "required": ["path", "message"],
                                        "properties": {"path": TEXT, "message": TEXT},
                                    },
                                },
                            },
                        },
                        "requestId": TEXT,
                    },
                }
            },
        },
    }


def _operation(endpoint: Endpoint) -> dict[str, Any]:
    placed = [part[1:-1] for part in endpoint.path.split("/") if part.startswith("{")]
    said: dict[str, Any] = {
        "summary": endpoint.says,
        "parameters": [
            *({"name": name, "in": "path", "required": True, "schema": TEXT} for name in placed),
            *({"name": name, "in": "query", "schema": TEXT} for name in endpoint.query),
        ],
        "responses": {
            str(endpoint.status): {"description": "done"},
            **{
                status: {"description": says, "content": {"application/json": {"schema": ERROR}}}
                for status, says in _REFUSALS.items()
            },
        },
    }
    if endpoint.scope is not None:
        said["security"] = [{"key": []}]
        said["description"] = f"Scope {endpoint.scope}."
    if endpoint.body is not None:
        said["requestBody"] = {"required": True, "content": {"application/json": {"schema": endpoint.body}}}
    return said
