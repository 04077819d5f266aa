"""Whatever is sent to whatever the OpenAPI document names: never a 500, and every refusal in the one shape (R-54)."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis import Case
from starlette.testclient import TestClient

from dagster_project.api.clock import Clock
from dagster_project.api.openapi import ENDPOINTS, document
from dagster_project.api.server import Serving, application
from dagster_project.register import keys, store
from dagster_project.warehouse.paths import Warehouse
from tests.door.conftest import ACME, NOW

EXAMPLES = int(os.environ.get("METERHOUSE_FUZZ", "15"))
schema = schemathesis.openapi.from_dict(document())


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    folder = tmp_path_factory.mktemp("fuzzed")
    (folder / "inbox").mkdir()
    register = store.opened(f"sqlite:///{folder / 'register.db'}")
    key = keys.create(register, "tests", ["*"], NOW)
    serving = Serving(Warehouse(folder / "warehouse"), ACME, folder / "inbox", register, Clock(NOW))
    with TestClient(application(serving), raise_server_exceptions=True) as client:
        client.headers["authorization"] = f"Bearer {key}"
        yield client


@schema.parametrize()
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
def test_nothing_that_is_sent_is_a_defect(case: Case, client: TestClient) -> None:
    sent = case.as_transport_kwargs(base_url="http://testserver")
    content = {"content": json.dumps(sent["json"]).encode()} if "json" in sent else {"content": sent.get("data")}
    headers = {name: value for name, value in sent["headers"].items() if name.lower() not in ("host", "transfer-encoding")}
    said = client.request(sent["method"], sent["url"], params=sent.get("params"), headers=headers, **content)
    is_said_to_be_busy = case.path == "/health/ready" and said.status_code == 503
    assert said.status_code < 500 or is_said_to_be_busy, said.text
    assert said.headers["x-request-id"].startswith("req_")
    if said.status_code >= 400 and sent["method"] != "HEAD":
        error = said.json()["error"]
        assert set(error) <= {"message", "code", "details"}
        assert error["message"].strip()
        assert error["code"].isupper()
        assert all(set(detail) == {"path", "message"} for detail in error.get("details", []))
        assert said.json()["requestId"] == said.headers["x-request-id"]


def test_every_endpoint_is_tried() -> None:
    assert {(one.method, one.path) for one in ENDPOINTS} == {
        (operation.ok().method.upper(), operation.ok().path) for operation in schema.get_all_operations()
    }
