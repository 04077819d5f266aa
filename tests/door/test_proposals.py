"""POST /v1/meters, /v1/pricing, /v1/plans (R-63, R-66): a proposal on the desk, never a change of the books."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from dagster_project.api.clock import Clock
from dagster_project.api.server import Serving, application
from dagster_project.deals.desk import Desk
from dagster_project.register import keys, place, store
from dagster_project.warehouse.paths import Warehouse
from rating import books as contract_books
from tests.door.conftest import ACME, NOW


@pytest.fixture
def door(tmp_path: Path) -> Iterator[tuple[TestClient, Desk]]:
    shutil.copytree(ACME, tmp_path / "books", ignore=shutil.ignore_patterns("sample_events", "salesforce"))
    (tmp_path / "inbox").mkdir()
    warehouse = Warehouse(tmp_path / "warehouse")
    register = store.opened(place.location_of(warehouse))
    key = keys.create(register, "tests", ["meters:write", "pricing:write", "plans:write"], NOW)
    serving = Serving(warehouse, tmp_path / "books", tmp_path / "inbox", register, Clock(NOW))
    with TestClient(application(serving)) as client:
        client.headers["authorization"] = f"Bearer {key}"
        yield client, Desk(tmp_path / "books", register, warehouse, publish="files")


METER = {"code": "FAXES", "displayName": "Faxes", "eventName": "fax_sent", "aggregation": "count", "groupKeys": ["country"]}


def test_r66_a_meter_by_api_is_a_proposal(door: tuple[TestClient, Desk]) -> None:
    client, desk = door
    before = {path: path.read_bytes() for path in desk.folder.rglob("*.yml")}
    said = client.post("/v1/meters", content=json.dumps(METER | {"because": "we sell them now"}))
    assert said.status_code == 202
    assert said.json()["url"] == f"/desk/{said.json()['proposalId']}"
    assert {path: path.read_bytes() for path in desk.folder.rglob("*.yml")} == before
    review = desk.review(said.json()["proposalId"])
    assert "+- code: FAXES" in review.difference
    assert review.proposal.history[0].by.startswith("mk_live_")
    desk.approve(review.proposal.id, review.hash, "ada@acme.ai", "as agreed", NOW)
    loaded = contract_books.load(desk.folder)
    assert "FAXES" in loaded.meters.get_column("meter_code").to_list()


def test_pricings_and_plans_too(door: tuple[TestClient, Desk]) -> None:
    client, desk = door
    tiers = [{"upTo": 100, "unitAmount": "0.10"}, {"upTo": None, "unitAmount": "0.05"}]
    said = client.post("/v1/pricing", json={"code": "SMS_TIERS", "model": "graduated", "meter": "SMS", "tiers": tiers})
    assert said.status_code == 202, said.text
    assert "unit_amount" in desk.review(said.json()["proposalId"]).difference
    plan = {"code": "sms", "currency": "USD", "pricings": ["SMS_PACKAGES"], "netTerms": 10}
    assert client.post("/v1/plans", json=plan).status_code == 202


@pytest.mark.parametrize(
    ("path", "body", "says"),
    [
        ("meters", METER | {"aggregation": "sum"}, "aggregation_key"),
        ("meters", {"displayName": "x"}, "code is missing"),
        ("meters", [], "no JSON object"),
        ("plans", {"code": "x", "currency": "USD", "pricings": ["NONE"]}, "NONE"),
        ("pricing", {"code": "x", "colour": "red"}, "colour"),
    ],
)
def test_what_check_refuses_is_no_proposal(door: tuple[TestClient, Desk], path: str, body: object, says: str) -> None:
    client, desk = door
    said = client.post(f"/v1/{path}", content=json.dumps(body))
    assert said.status_code == 400
    assert says in said.json()["error"]["message"]
    assert desk.every() == {}
