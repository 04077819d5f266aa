"""Reading by HTTP (R-54, R-66 to R-68, R-82): what is answered is what the marts say, in one shape."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pypdf
import pytest
import sqlalchemy as sa
from httpx2 import Response
from starlette.applications import Starlette
from starlette.routing import Route
from starlette.testclient import TestClient

from dagster_project.api.answers import text_of
from dagster_project.api.clock import Clock
from dagster_project.api.openapi import ENDPOINTS, Endpoint
from dagster_project.api.server import Serving, application
from dagster_project.register import keys, store
from dagster_project.warehouse.paths import Warehouse
from tests.door.conftest import ACME, NOW
from tests.shell.conftest import Night
from tests.shell.conftest import night as night
from tests.shell.test_a_night import rows


class Asked:
    def __init__(self, client: TestClient, auth: dict[str, str], register: sa.Engine) -> None:
        self._client, self._auth, self._register = client, auth, register

    @property
    def application(self) -> Starlette:
        assert isinstance(self._client.app, Starlette)
        return self._client.app

    def unauthorized(self, method: str, path: str, scope: str | None) -> Response:
        key = None if scope is None else keys.create(self._register, "other", [scope], NOW)
        # the door knows a new key within two seconds
        while True:
            answer = self._client.request(
                method, path, json={}, headers={} if key is None else {"authorization": f"Bearer {key}"}
            )
            if key is None or answer.status_code != 401:
                return answer
            time.sleep(0.05)

    def response(self, path: str, **more: Any) -> Response:
        method = "POST" if "json" in more else "GET"
        return self._client.request(method, path, headers=self._auth, **more)

    def __call__(self, path: str, status: int = 200, **more: Any) -> Any:
        answer = self.response(path, **more)
        assert answer.status_code == status, answer.text
        return json.loads(answer.text, parse_float=Decimal)

    def every(self, path: str) -> list[dict[str, Any]]:
        """All pages of a list."""
        found: list[dict[str, Any]] = []
        while True:
            said = self(path, params={"limit": 7, "offset": len(found)})
            found += said["data"]
            assert said["hasMore"] is (len(found) < said["total"])
            if not said["hasMore"]:
                return found


@pytest.fixture(scope="module")
def ask(night: Night, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asked]:
    run, _ = night
    register = store.opened(f"sqlite:///{tmp_path_factory.mktemp('register') / 'register.db'}")
    inbox = tmp_path_factory.mktemp("inbox")
    key = keys.create(register, "tests", ["*"], NOW)
    with TestClient(application(Serving(run.warehouse, ACME, inbox, register, Clock(NOW)))) as client:
        yield Asked(client, {"authorization": f"Bearer {key}"}, register)


def test_r54_every_invoice_is_listed_once_in_a_stable_order_with_exact_money(ask: Asked, night: Night) -> None:
    found = ask.every("/v1/invoices")
    marts = rows(
        night[0].warehouse, "select invoice_id, total, currency from marts.invoices order by number nulls last, invoice_id"
    )
    assert [one["id"] for one in found] == marts.get_column("invoice_id").to_list()
    for one, total in zip(found, marts.get_column("total"), strict=True):
        assert Decimal(one["total"]) == total
        assert one["totalCents"] == total * 100  # of these currencies
        assert isinstance(one["totalCents"], int)


def test_invoices_are_chosen_and_one_has_its_lines(ask: Asked) -> None:
    chosen = ask("/v1/invoices", params={"contractId": "acme-2026", "status": "issued", "include": "lineItems"})["data"]
    assert {one["contractId"] for one in chosen} == {"acme-2026"}
    for one in chosen:
        assert one == ask(f"/v1/invoices/{one['number']}")["data"] == ask(f"/v1/invoices/{one['id']}")["data"]
        assert sum(line["amountCents"] for line in one["lineItems"]) == one["subtotalCents"]
    lines = [line for one in chosen for line in one["lineItems"] if line["dimensions"]]
    assert {tuple(line["dimensions"]) for line in lines if line["meterCode"] == "AI_CALL"} == {("region", "call_outcome")}
    assert all(line["place"] for line in lines)
    late = ask("/v1/invoices", params={"createdAfter": "2026-04-01T00:00:00Z"})["data"]
    assert all(one["createdAt"] >= "2026-04-01" for one in late)


@pytest.mark.parametrize(
    ("form", "begins"), [("pdf", b"%PDF"), ("html", b"<!doctype"), ("xlsx", b"PK"), ("csv", b"\xef\xbb\xbf")]
)
def test_r82_a_document_comes_in_every_form(ask: Asked, form: str, begins: bytes) -> None:
    answer = ask.response("/v1/invoices/INV-000012/document", params={"format": form})
    assert answer.content.startswith(begins)
    assert answer.content == ask.response("/v1/invoices/INV-000012/document", params={"format": form}).content
    if form == "pdf":
        assert "INV-000012" in pypdf.PdfReader(io.BytesIO(answer.content)).pages[0].extract_text()


def test_balances_ledger_and_usage_tie(ask: Asked) -> None:
    balance = ask("/v1/contracts/acme-2026/credits/balance")["data"]
    assert sum(block["balanceCents"] for block in balance["blocks"]) == balance["balanceCents"]
    ledger = ask.every("/v1/contracts/acme-2026/credits/ledger")
    posted = sum(entry["amountCents"] for entry in ledger if entry["status"] == "posted")
    assert posted == balance["balanceCents"]
    assert posted + sum(entry["amountCents"] for entry in ledger if entry["status"] == "draft") == (
        balance["balanceCents"] + balance["pendingCents"]
    )
    usage = ask("/v1/contracts/acme-2026/usage", params={"periodStart": "2026-02-01", "limit": 100})["data"]
    lines = [
        line
        for one in ask("/v1/invoices", params={"contractId": "acme-2026", "include": "lineItems", "limit": 100})["data"]
        if one["periodStart"].startswith("2026-02-01")
        for line in one["lineItems"]
        if line["kind"] == "usage"
    ]
    assert sum(row["amountCents"] for row in usage) == sum(line["amountCents"] for line in lines)


def test_r68_cost_is_the_sum_of_usage_lines_of_whole_periods(ask: Asked, night: Night) -> None:
    said = ask("/v1/usage/cost", json={"contractId": "acme-2026", "startDate": "2026-01-01", "endDate": "2026-02-28"})
    total = rows(
        night[0].warehouse,
        "select sum(lines.amount) from marts.invoice_lines as lines inner join marts.invoices as invoices using (invoice_id) "
        "where contract_id = 'acme-2026' and lines.kind = 'usage' and period_start < '2026-03-01'",
    ).item()
    assert Decimal(said["totalAmountDecimal"]) == Decimal(said["totalAmount"]) == total
    assert sum(line["amountCents"] for line in said["lines"]) == total * 100
    cut = ask("/v1/usage/cost", 400, json={"contractId": "acme-2026", "startDate": "2026-01-10", "endDate": "2026-02-28"})
    assert cut["error"]["code"] == "NOT_EXACT"
    assert "2026-01-01 to 2026-01-31" in cut["error"]["message"]
    current = ask("/v1/usage/cost", json={"customerId": "cust_123"})
    assert current["startDate"] == "2026-04-01"
    only = ask(
        "/v1/usage/cost",
        json={"contract_id": "acme-2026", "start_date": "2026-01-01", "end_date": "2026-01-31", "event_names": ["x"]},
    )
    assert (only["totalAmount"], only["lines"]) == (0, [])


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/v1/invoices?contractID=x", "did you mean contractId?"),
        ("/v1/invoices?limit=101", "limit is a whole number of at most 100."),
        ("/v1/invoices?limit=0", "limit is"),
        ("/v1/invoices?offset=-1", "offset is"),
        ("/v1/invoices?createdAfter=soon", "cannot be read"),
        ("/v1/invoices?include=everything", "include is lineItems"),
        ("/v1/invoices/INV-000001/document?format=doc", "format is one of"),
        ("/v1/contracts?isActive=perhaps", "cannot be read"),
    ],
)
def test_r54_a_wrong_parameter_is_named(ask: Asked, path: str, message: str) -> None:
    said = ask(path, 400)
    assert said["error"]["code"] == "VALIDATION_ERROR"
    assert message in said["error"]["message"]


@pytest.mark.parametrize(
    "path", ["invoices/INV-9", "contracts/x", "customers/x", "meters/x", "plans/x", "pricing/x", "invoices/x/document"]
)
def test_what_is_not_there_is_404(ask: Asked, path: str) -> None:
    assert ask(f"/v1/{path}", 404)["error"]["code"] == "NOT_FOUND"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"contractId": "a", "customerId": "b"},
        {"contractId": "a", "startDate": "x", "endDate": "y"},
        {"contractId": "a", "startDate": "2026-01-01"},
        {"contractId": "a", "eventName": []},
        {"contractId": "a", "eventNames": "x"},
    ],
)
def test_a_wrong_question_about_cost_is_told_what_is_wrong(ask: Asked, body: dict[str, Any]) -> None:
    assert ask("/v1/usage/cost", 400, json=body)["error"]["details"]


def test_the_books_are_listed(ask: Asked) -> None:
    assert {one["code"] for one in ask.every("/v1/meters")} >= {"AI_CALL"}
    assert ask("/v1/plans/enterprise")["data"]["id"] == "enterprise"
    assert ask("/v1/customers", params={"externalCustomerId": "acme"})["data"][0]["legalName"] == "Acme Corporation"
    active = ask("/v1/contracts", params={"isActive": "true", "planId": "enterprise", "limit": 100})
    assert all(one["isActive"] for one in active["data"])
    assert ask("/v1/pricing")["asOf"] == "2026-04-10T00:00:00Z"


def test_r62_every_landed_version_is_listed_with_what_became_of_it(ask: Asked, night: Night) -> None:
    said = ask("/v1/events", params={"eventName": "ai_call", "limit": 100})
    marts = "select sum(events) from marts.reconciliation where event_name = 'ai_call' and meter_code is null"
    assert said["total"] == rows(night[0].warehouse, marts).item()
    billed = [one for one in said["data"] if one["state"] == "metered"]
    assert billed
    assert all(one["contractId"] and one["meters"] and one["periodStart"] and one["file"] for one in billed)
    for one in billed[:5]:
        found = ask(f"/v1/events/{one['idempotencyKey']}")["data"]
        assert one in found
        invoice = ask(f"/v1/invoices/{one['invoices'][0]}")["data"]
        assert (invoice["contractId"], invoice["periodStart"]) == (one["contractId"], one["periodStart"])
        on_it = [line for line in one["invoiceLines"] if line["invoice"] == one["invoices"][0]]
        assert sorted(line["meterCode"] for line in on_it) == one["meters"]
        for line in on_it:
            shown = invoice["lineItems"][line["lineNo"] - 1]
            assert (shown["description"], shown["dimensions"]) == (line["description"], line["dimensions"])
            assert all(one["properties"].get(name) == value for name, value in line["dimensions"].items())
    assert {one["state"] for one in said["data"]} <= {
        "metered",
        "superseded",
        "too_late",
        "unknown_customer",
        "no_active_contract",
    }
    assert ask("/v1/events/never-sent", 404)["error"]["code"] == "NOT_FOUND"
    assert ask("/v1/events", 400, params={"start": "soon"})["error"]["code"] == "VALIDATION_ERROR"


def test_r51_the_openapi_document_names_every_route_and_no_other(ask: Asked) -> None:
    said = ask("/v1/openapi.json")
    routes = {
        (method, route.path.replace(":path", ""))
        for route in ask.application.routes
        if isinstance(route, Route)
        for method in (route.methods or set()) - {"HEAD"}
    }
    assert {(method.upper(), path) for path, methods in said["paths"].items() for method in methods} == routes


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda one: f"{one.method} {one.path}")
def test_r53_every_route_asks_for_its_scope(ask: Asked, endpoint: Endpoint) -> None:
    """Without a key 401, with a key of another scope 403, and never a trace."""
    path = endpoint.path.replace("{id}", "x").replace("{key}", "x")
    if endpoint.scope is None:
        assert ask.unauthorized(endpoint.method, path, None).status_code in (200, 503)
        return
    assert ask.unauthorized(endpoint.method, path, None).status_code == 401
    other = "plans:write" if endpoint.scope == "meters:write" else "meters:write"
    answer = ask.unauthorized(endpoint.method, path, other)
    assert answer.status_code == 403
    assert endpoint.scope in answer.json()["error"]["message"]


def test_before_the_first_run_the_books_are_there_and_figures_are_none(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("empty")
    (folder / "inbox").mkdir()
    register = store.opened(f"sqlite:///{folder / 'register.db'}")
    key = keys.create(register, "tests", ["*"], NOW)
    with TestClient(
        application(Serving(Warehouse(folder / "warehouse"), ACME, folder / "inbox", register, Clock(NOW)))
    ) as client:
        client.headers["authorization"] = f"Bearer {key}"
        for path in ("invoices", "contracts/acme-2026/usage", "contracts/acme-2026/credits/ledger"):
            said = client.get(f"/v1/{path}").json()
            assert (said["data"], said["total"], said["asOf"]) == ([], 0, None)
        [contract] = [one for one in client.get("/v1/contracts?limit=100").json()["data"] if one["id"] == "acme-2026"]
        assert contract["asOf"] is None
        assert contract["terms"][0]["effectiveDate"] == contract["startDate"]
        assert {one["place"].split(":")[0] for one in contract["rateOverrides"]} <= {contract["place"].split(":")[0]}
        assert client.get("/v1/invoices/1").status_code == 404
        balance = client.get("/v1/contracts/acme-2026/credits/balance").json()
        assert (balance["data"]["balanceCents"], balance["asOf"]) == (0, None)
        assert client.post("/v1/usage/cost", json={"contractId": "acme-2026"}).status_code == 404


def test_r51_books_with_mistakes_are_told_by_what_needs_them(tmp_path: Path) -> None:
    (tmp_path / "inbox").mkdir()
    (tmp_path / "books").mkdir()
    (tmp_path / "books" / "books.yml").write_text("meters: nothing")
    register = store.opened(f"sqlite:///{tmp_path / 'register.db'}")
    key = keys.create(register, "tests", ["*"], NOW)
    serving = Serving(Warehouse(tmp_path / "warehouse"), tmp_path / "books", tmp_path / "inbox", register, Clock(NOW))
    with TestClient(application(serving)) as client:
        client.headers["authorization"] = f"Bearer {key}"
        for path in ("meters", "contracts/x", "contracts/x/credits/balance"):
            answer = client.get(f"/v1/{path}")
            assert (answer.status_code, answer.json()["error"]["code"]) == (503, "BOOKS_BROKEN")
            assert answer.json()["error"]["details"]
        body = {"planId": "x", "events": [{"eventName": "y"}]}
        assert client.post("/v1/pricing/estimate", json=body).json()["error"]["code"] == "BOOKS_BROKEN"
        event = {"eventName": "call", "customerId": "c"}
        assert client.post("/v1/events", json=event).status_code == 202


def test_r68_cost_in_credits_of_a_rate(ask: Asked) -> None:
    plain = ask("/v1/usage/cost", json={"customerId": "cust_789"})
    said = ask("/v1/usage/cost", json={"customerId": "cust_789", "creditRateCents": 750})
    assert said["unit"] == "credits"
    assert abs(said["totalAmount"] - plain["totalAmount"] * 100 / 750) <= Decimal("5e-13")
    assert ask("/v1/usage/cost", 400, json={"customerId": "cust_789", "creditRateCents": "x"})["error"]["details"]


@pytest.mark.parametrize(
    ("value", "least", "text"),
    [("12.5000", 2, "12.50"), ("0.0000", 0, "0"), ("100", 0, "100"), ("-0.1230", 2, "-0.123"), ("1E+3", 2, "1000.00")],
)
def test_numbers_have_every_digit_and_no_exponent(value: str, least: int, text: str) -> None:
    assert text_of(Decimal(value), least) == text
