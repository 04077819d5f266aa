"""A door on a warehouse of its own, asked without a network."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import sqlalchemy as sa
from httpx2 import Response
from starlette.testclient import TestClient

from dagster_project import landing
from dagster_project.api.clock import Clock
from dagster_project.api.server import Serving, application
from dagster_project.errors import UserError
from dagster_project.landing import doors
from dagster_project.register import keys, place, store
from dagster_project.warehouse.paths import Warehouse
from tests.door.postgresql import NOT_HERE, programs, server

ACME = Path(__file__).parents[2] / "contracts_data" / "acme_ai"
NOW = datetime(2026, 1, 20, 9)  # noqa: DTZ001 - naive UTC throughout
CALL: dict[str, Any] = {
    "event_name": "ai_call",
    "customer_id": "cust_210",
    "idempotency_key": "call-1",
    "timestamp": "2026-01-19T10:00:00Z",
    "properties": {"region": "US", "call_outcome": "resolved", "duration_minutes": 1},
}


@dataclass
class Opened:
    """A door under test. auth: headers of a key that may send usage."""

    client: TestClient
    serving: Serving
    auth: dict[str, str]

    def post(self, event: object, **more: Any) -> Response:
        return self._post("/v1/events", event, more)

    def batch(self, events: object, **more: Any) -> Response:
        return self._post("/v1/events/batch", events, more)

    def _post(self, path: str, content: object, more: dict[str, Any]) -> Response:
        headers = self.auth | {"content-type": "application/json"} | more.pop("headers", {})
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        return self.client.post(path, content=body, headers=headers, **more)

    def landed(self) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Raw events and quarantine after a landing of now."""
        doors.close_segments(str(self.serving.inbox))
        warehouse = self.serving.warehouse
        landing.land(str(self.serving.inbox), warehouse, self.serving.clock.now())
        events, lines = (
            pl.concat([pl.read_parquet(file) for file in files]) if files else pl.DataFrame()
            for files in (landing.raw_files(warehouse), landing.quarantine_files(warehouse))
        )
        return events, lines


def served(folder: Path, location: str | None = None, **more: Any) -> Serving:
    warehouse = Warehouse(folder / "warehouse")
    (folder / "inbox").mkdir(parents=True, exist_ok=True)
    register = store.opened(location or place.location_of(warehouse))
    return Serving(warehouse, ACME, folder / "inbox", register, Clock(NOW), **more)


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Opened]:
    serving = served(tmp_path)
    key = keys.create(serving.register, "tests", ["usage:write"], NOW)
    with TestClient(application(serving)) as client:
        yield Opened(client, serving, {"authorization": f"Bearer {key}"})


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[str]:
    if programs() is None:
        pytest.skip(NOT_HERE)
    with server() as address:
        yield address


@pytest.fixture(params=["sqlite", "postgresql"])
def location(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Where a register of this test's own lies, on either database."""
    if request.param == "sqlite":
        yield place.location_of(Warehouse(tmp_path / "warehouse"))
        return
    address = request.getfixturevalue("postgresql_server")
    name = f"t_{uuid.uuid4().hex}"
    server = sa.create_engine(f"{address}/postgres", isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with server.connect() as connection:
        connection.execute(sa.text(f"create database {name}"))
    found = f"{address}/{name}"
    with pytest.raises(UserError, match="register upgrade"):
        store.opened(found)
    store.upgraded(found)
    yield found
    # doors of the test may still hold connections, and a server has a hundred
    with server.connect() as connection:
        connection.execute(sa.text(f"drop database {name} with (force)"))
