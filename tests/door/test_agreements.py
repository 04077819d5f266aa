"""Self-serve agreements (R-63 to R-66): sign-up, contract, grant, change and cancel by API, and what a run makes of them."""

from __future__ import annotations

import copy
import json
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from starlette.testclient import TestClient
from typer.testing import CliRunner

from dagster_project.api.server import application
from dagster_project.cli.app import app
from dagster_project.cli.launch import launch
from dagster_project.pipeline.run import Run
from dagster_project.register import keys, records
from dagster_project.register.agreements import fold
from dagster_project.register.folded import agreed_by
from dagster_project.warehouse.paths import Warehouse
from dagster_project.warehouse.verify import findings
from rating import books
from rating.books import Agreed
from tests.door.conftest import CALL, NOW, served
from tests.shell.test_a_night import rows

# a few lines, for runs of these tests read them again and again
BOOKS = """
settings:
  organization: Small
  currency: USD
  timezone: UTC
  self_serve: {grant_max: "100.00", grants_per_contract: 3}
meters:
- {code: API_CALLS, event_name: api_calls, aggregation: sum, aggregation_key: calls}
pricings:
- {code: CALLS, name: Calls, meter: API_CALLS, model: per_unit, unit_amount: "0.01"}
customers:
- {id: cust_123, external_id: acme, name: Acme}
contracts:
- {id: acme-2026, customer: cust_123, plan: enterprise, start_date: 2026-01-01, timezone: America/New_York, status: approved}
"""
PLANS = """
plans:
- {code: pro, name: Pro, base_fee: "50.00", pricings: [CALLS], self_serve: true}
- {code: starter, name: Starter, pricings: [CALLS], self_serve: true}
- {code: enterprise, name: Enterprise, base_fee: "500.00", pricings: [CALLS]}
"""


class Api:
    def __init__(self, folder: Path, location: str) -> None:
        self.location = location
        self.books = folder / "books"
        self.books.mkdir()
        (self.books / "books.yml").write_text(BOOKS)
        (self.books / "plans.yml").write_text(PLANS)
        serving = served(folder, location)
        self.serving = type(serving)(serving.warehouse, self.books, serving.inbox, serving.register, serving.clock)
        self.auth = {"authorization": f"Bearer {keys.create(self.serving.register, 'tests', ['*'], NOW)}"}
        self.client = TestClient(application(self.serving))

    def __call__(self, path: str, body: dict[str, Any] | None = None, status: int = 201, **more: Any) -> Any:
        headers = self.auth | more.pop("headers", {})
        method = more.pop("method", "GET" if body is None else "POST")
        answer = self.client.request(method, f"/v1/{path}", json=body, headers=headers, **more)
        assert answer.status_code == status, answer.text
        return answer.json()

    def customer(self, **more: Any) -> str:
        return str(self("customers", {"name": "Nova Labs", "externalCustomerId": "nova"} | more)["data"]["id"])

    def contract(self, customer: str, **more: Any) -> str:
        return str(self("contracts", {"planId": "pro", "customerId": customer, "startDate": "2026-01-10"} | more)["data"]["id"])

    def code(self, path: str, body: dict[str, Any], status: int, **more: Any) -> str:
        return str(self(path, body, status, **more)["error"]["code"])

    def run(self) -> Run:
        run = Run(self.serving.warehouse, self.books, str(self.serving.inbox), self.serving.clock.now(), register=self.location)
        assert launch(run).balanced
        return run


@pytest.fixture
def api(tmp_path: Path, location: str) -> Iterator[Api]:
    made = Api(tmp_path, location)
    with made.client:
        yield made


def test_sign_up_to_invoice_by_api_only(api: Api) -> None:
    customer = api.customer()
    contract = api.contract(customer)
    grant = api(
        f"contracts/{contract}/credits/promotional/grant",
        {"amountCents": 2500, "expiresAt": "2026-06-01T00:00:00Z", "externalId": "welcome", "description": "Welcome"},
    )["data"]
    assert (grant["amountCents"], grant["isPromotional"], grant["currency"], grant["purchaseRateCents"]) == (
        2500,
        True,
        "USD",
        0,
    )
    assert grant["effectiveAt"] == "2026-01-20T00:00:00Z"  # the start of the local day
    call = {
        "event_name": "api_calls",
        "externalCustomerId": "nova",
        "timestamp": "2026-01-20T09:00:00Z",
        "properties": {"calls": 1},
    }
    assert api("events/batch", [call | {"idempotency_key": f"a-{nth}"} for nth in range(40)], 202)["count"] == 40  # type: ignore[arg-type]
    api.run()
    usage = api(f"contracts/{contract}/usage", status=200)["data"]
    assert sum(int(row["eventCount"]) for row in usage) == 40
    balance = api(f"contracts/{contract}/credits/balance", status=200)["data"]
    assert balance["balanceCents"] == 2500
    [invoice] = api("invoices", status=200, params={"contractId": contract, "include": "lineItems"})["data"]
    assert invoice["customerId"] == customer
    assert any("register record" in line["place"] or ".yml" in line["place"] for line in invoice["lineItems"])
    cost = api("usage/cost", {"contractId": contract}, 200)
    assert cost["currency"] == "USD"


def test_the_same_books_by_api_and_by_yaml_give_the_same_invoices(api: Api, tmp_path: Path) -> None:
    customer = api.customer()
    contract = api.contract(customer)
    by_api = api.run()
    agreed = fold(records.every(api.serving.register))
    written = tmp_path / "written"
    shutil.copytree(api.books, written)
    sections = {
        name: [item.terms for item in agreed.of(kind)] for kind, name in (("customer", "customers"), ("contract", "contracts"))
    }
    (written / "signed_up.yml").write_text(json.dumps(sections))
    by_yaml = Run(Warehouse(tmp_path / "other"), written, str(api.serving.inbox), by_api.as_of)
    assert launch(by_yaml).balanced
    for table in ("invoices", "invoice_lines", "credit_ledger"):
        leave_out = (
            "exclude (place)"
            if table == "invoice_lines"
            else "exclude (books_version, content_hash)"
            if table == "invoices"
            else ""
        )
        query = f"select * {leave_out} from marts.{table} order by all"
        assert rows(by_yaml.warehouse, query).equals(rows(by_api.warehouse, query)), table
    assert rows(by_api.warehouse, f"select count(*) from marts.invoices where contract_id = '{contract}'").item() == 1


def test_r66_the_same_request_is_answered_as_the_first_time(api: Api) -> None:
    body = {"name": "Nova Labs", "externalCustomerId": "nova"}
    first = api("customers", body, headers={"idempotency-key": "k1"})["data"]
    assert api("customers", body, headers={"idempotency-key": "k1"})["data"] == first
    assert api.code("customers", body | {"name": "Other"}, 409, headers={"idempotency-key": "k1"}) == "IDEMPOTENCY_CONFLICT"
    assert api("customers", body, 200)["data"] == first  # the same externalCustomerId, the same terms
    assert api.code("customers", body | {"name": "Other"}, 409) == "CONFLICT"
    assert api.code("customers", {"name": "Acme", "externalCustomerId": "acme"}, 409) == "CONFLICT"  # in the folder
    contract = api.contract(first["id"])
    grant = {"amountCents": 100, "expiresAt": "2026-06-01", "externalId": "g"}
    path = f"contracts/{contract}/credits/promotional/grant"
    made = api(path, grant)["data"]
    assert api(path, grant, 200)["data"] == made
    assert api.code(path, grant | {"amountCents": 200}, 409) == "CONFLICT"
    assert len(records.every(api.serving.register)) == 3


def test_fifty_clients_that_sign_up_one_customer_at_once_make_one(api: Api) -> None:
    def sign_up(_: int) -> str:
        answer = api.client.post("/v1/customers", json={"name": "Nova", "externalCustomerId": "nova"}, headers=api.auth)
        return str(answer.json()["data"]["id"])

    with ThreadPoolExecutor(50) as clients:
        found = set(clients.map(sign_up, range(50)))
    assert len(found) == 1
    assert len(records.every(api.serving.register)) == 1


def test_r63_what_needs_a_review_is_refused_and_says_where(api: Api) -> None:
    customer = api.customer()
    contract = api.contract(customer)
    signs = {"customerId": customer, "startDate": "2026-01-10"}
    assert api.code("contracts", signs | {"planId": "enterprise"}, 403) == "REVIEW_REQUIRED"
    assert api.code("contracts", signs | {"planId": "pro", "baseFee": "1"}, 403) == "REVIEW_REQUIRED"
    path = f"contracts/{contract}/credits/promotional/grant"
    grant = {"amountCents": 100, "expiresAt": "2026-06-01"}
    assert api.code(path, grant | {"amountCents": 10_001}, 403) == "REVIEW_REQUIRED"
    assert api.code(path, grant | {"kind": "prepaid"}, 403) == "REVIEW_REQUIRED"
    for _ in range(3):
        api(path, grant)
    said = api(path, grant, 403)["error"]
    assert (said["code"], "/desk" in said["message"]) == ("REVIEW_REQUIRED", True)


@pytest.mark.parametrize(
    ("path", "body", "status", "said"),
    [
        ("customers", {}, 400, "name is missing"),
        ("customers", {"nam": "x"}, 400, "did you mean name?"),
        ("customers", {"name": "x", "contacts": "y"}, 400, "contacts is a list"),
        ("customers", {"name": "x", "metadata": {str(nth): nth for nth in range(11)}}, 400, "at most 10 keys"),
        ("contracts", {"planId": "pro", "customerId": "cust_0"}, 404, "no customer cust_0"),
        ("contracts", {"planId": "prro", "externalCustomerId": "acme"}, 400, "did you mean pro?"),
        ("contracts", {"planId": "pro"}, 400, "customerId or externalCustomerId"),
        ("contracts", {"planId": "pro", "externalCustomerId": "acme", "startDate": "2026-02-30"}, 400, "no day `2026-02-30`"),
        (
            "contracts",
            {"planId": "pro", "externalCustomerId": "acme", "startDate": "2026-03-01", "endDate": "2026-02-01"},
            400,
            "end",
        ),
        ("contracts", {"planId": "pro", "externalCustomerId": "acme", "timezone": "Mars"}, 400, "time zone"),
        ("contracts/none/credits/promotional/grant", {"amountCents": 1, "expiresAt": "2026-06-01"}, 404, "no contract none"),
        ("contracts/acme-2026/credits/promotional/grant", {"amountCents": 1, "expiresAt": "2026-01-01"}, 400, "in the past"),
        ("contracts/acme-2026/credits/promotional/grant", {"amountCents": 1.5, "expiresAt": "2026-06-01"}, 400, "whole number"),
        ("contracts/acme-2026/credits/promotional/grant", {"expiresAt": "2026-06-01"}, 400, "amountCents, or creditRateCents"),
        (
            "contracts/acme-2026/credits/promotional/grant",
            {"creditAmount": 5, "creditRateCents": 0, "expiresAt": "2026-06-01"},
            400,
            "above 0",
        ),
        ("contracts/acme-2026/cancel", {"cancelAt": "immediately"}, 409, "stands in the books"),
        ("contracts/none/cancel", {"cancelAt": "immediately"}, 404, "no contract none"),
    ],
)
def test_a_wrong_request_makes_no_record_and_is_told_why(
    api: Api, path: str, body: dict[str, Any], status: int, said: str
) -> None:
    assert said in api(path, body, status)["error"]["message"]
    assert records.every(api.serving.register) == []


def test_contracts_change_plan_and_end(api: Api) -> None:
    contract = api.contract(api.customer())
    changed = api(f"contracts/{contract}/change-plan", {"planId": "starter", "changeOption": "end_of_period"}, 200)["data"]
    assert changed == {"id": contract, "planId": "starter", "effectiveDate": "2026-02-10"}
    ended = api(f"contracts/{contract}/cancel", {"cancelAt": "2026-05-10"}, 200)["data"]
    assert ended["effectiveCancellationDate"] == "2026-05-10"
    read = books.load(api.books, agreed_by(api.location, NOW + timedelta(hours=1)))
    [row] = [one for one in read.contracts.to_dicts() if one["contract_id"] == contract]
    assert f"{row['end_date']}" == "2026-05-10"
    assert "register record" in row["place"]
    at_once = api.contract(api.customer(externalCustomerId="other"))
    assert (
        api(f"contracts/{at_once}/cancel", {"cancelAt": "immediately"}, 200)["data"]["effectiveCancellationDate"]
        == "2026-01-21"
    )


def test_customers_are_changed_and_read_before_a_run_has_seen_them(api: Api) -> None:
    api.run()
    customer = api.customer(metadata={"tier": "gold"})
    api(f"customers/{customer}", {"legalName": "Nova Labs GmbH"}, 200, method="PATCH")
    said = api(f"customers/{customer}", status=200)["data"]
    assert (said["legalName"], said["metadata"], said["asOf"]) == ("Nova Labs GmbH", {"tier": "gold"}, None)
    assert api("customers", status=200, params={"externalCustomerId": "nova"})["total"] == 1
    assert api("customers/cust_123", {"name": "x"}, 409, method="PATCH")["error"]["code"] == "MANAGED_IN_BOOKS"


def test_r64_a_run_of_the_past_sees_the_past(api: Api) -> None:
    api.customer()
    location = api.location
    assert agreed_by(location, NOW - timedelta(days=1)).documents == ()
    assert len(agreed_by(location, NOW + timedelta(days=1)).documents) == 1


def test_r52b_a_run_reads_new_records_only_and_comes_to_the_same(api: Api) -> None:
    warehouse, later = api.serving.warehouse, NOW + timedelta(days=1)

    def read(as_of: datetime = later) -> Agreed:
        noted, plain = agreed_by(api.location, as_of, warehouse), agreed_by(api.location, as_of)
        assert noted.digest == plain.digest
        assert [(one.file, one.tree) for one in noted.documents] == [(one.file, one.tree) for one in plain.documents]
        return noted

    contract = api.contract(api.customer())
    assert len(read().documents) == 2
    assert len(read().documents) == 2  # as it was noted
    api(f"contracts/{contract}/cancel", {"cancelAt": "2026-05-10"}, 200)
    api.customer(externalCustomerId="other")
    assert [one.tree for one in read().documents][1]["contracts"][0]["end_date"] == "2026-05-10"
    assert read(NOW - timedelta(days=1)).documents == ()  # a past before the note
    with api.serving.register.begin() as connection:  # another register in its place
        connection.execute(sa.text("delete from records"))
    assert read().documents == ()


def test_doors_on_one_register_add_what_the_others_agree(api: Api) -> None:
    with TestClient(application(api.serving)) as client:
        other = copy.copy(api)
        other.client = client
        contract = api.contract(other.customer())
        other(f"contracts/{contract}/change-plan", {"planId": "starter", "changeOption": "end_of_period"}, 200)
        api(f"contracts/{contract}/cancel", {"cancelAt": "2026-05-10"}, 200)
        for door in (api, other):
            said = door(f"contracts/{contract}", status=200)["data"]
            assert (said["endDate"], [one["planId"] for one in said["terms"]]) == ("2026-05-10", ["pro", "starter"])


def test_the_folder_may_name_what_was_agreed_by_api(api: Api) -> None:
    customer = api.customer()
    terms = f"id: big, customer: {customer}, plan: enterprise, start_date: 2026-02-01, status: approved"
    (api.books / "big.yml").write_text(f"contracts: [{{{terms}}}]\n")
    assert api("contracts/big", status=200)["data"]["customerId"] == customer
    assert api.code("contracts/big/cancel", {"cancelAt": "immediately"}, 409) == "MANAGED_IN_BOOKS"
    api.contract(customer)


def test_r65_the_folder_wins_and_names_a_record_that_it_breaks(api: Api) -> None:
    customer = api.customer()
    contract = api.contract(customer)
    agreed = agreed_by(api.location, NOW + timedelta(days=1))
    adopted = api.books / "adopted.yml"
    adopted.write_text(f"customers: [{{id: {customer}, name: Adopted}}]\n")
    read = books.load(api.books, agreed)
    assert {one["name"] for one in read.customers.to_dicts() if one["customer_id"] == customer} == {"Adopted"}
    assert api.code(f"customers/{customer}", {"name": "x"}, 409, method="PATCH") == "MANAGED_IN_BOOKS"
    plans = api.books / "plans.yml"
    plans.write_text(plans.read_text().replace("code: pro,", "code: professional,"))
    with pytest.raises(books.BooksError) as broken:
        books.load(api.books, agreed)
    assert any("register record 2 (key mk_live_" in problem.file for problem in broken.value.problems)
    assert api.code("customers", {"name": "Late"}, 503) == "BOOKS_BROKEN"
    assert contract


def test_r64_check_sees_what_was_agreed_and_names_what_breaks_it(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("METERHOUSE_REGISTER", api.location)
    api.contract(api.customer())

    def said() -> str:
        places = ["--books", str(api.books), "--warehouse", str(api.serving.warehouse.root)]
        result = CliRunner().invoke(app, ["check", *places])
        return str(result.exception) if result.exception else result.output

    before = len(books.load(api.books).customers)
    assert f"{before + 1} customers" in said()
    plans = api.books / "plans.yml"
    plans.write_text(plans.read_text().replace("code: pro,", "code: professional,"))
    assert "register record 2 (key mk_live_" in said()


def test_r52b_a_record_that_is_changed_or_missing_is_named(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("METERHOUSE_REGISTER", api.location)
    for name in ("one", "two", "three"):
        api.customer(name=name, externalCustomerId=name)
    api.run()
    assert findings(api.serving.warehouse, api.location) == []
    with api.serving.register.begin() as connection:
        connection.execute(sa.text("update records set item = replace(item, 'two', 'too') where seq = 2"))
    [sentence] = findings(api.serving.warehouse, api.location)
    assert sentence.startswith("The register's record 2 (customer.create by mk_live_")
    assert sentence.endswith("is not as it was written.")
    with api.serving.register.begin() as connection:
        connection.execute(sa.text("delete from records where seq = 2"))
    assert "does not follow" in findings(api.serving.warehouse, api.location)[0]


def test_events_of_somebody_who_signs_up_later_are_billed_then(api: Api) -> None:
    assert api(
        "events",
        CALL | {"customer_id": None, "external_customer_id": "nova", "event_name": "api_calls", "properties": {"calls": 2}},
        202,
    )
    run = api.run()
    unmatched = "select disposition from marts.unmatched_events where customer_reference = 'nova'"
    assert rows(run.warehouse, unmatched).rows() == [("unknown_customer",)]
    api.contract(api.customer())
    later = Run(
        run.warehouse, api.books, str(api.serving.inbox), api.serving.clock.now() + timedelta(minutes=1), register=api.location
    )
    assert launch(later).balanced
    assert rows(later.warehouse, unmatched).is_empty()
