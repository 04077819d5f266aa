"""Pages on a warehouse with a history, a desk and three people."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from httpx2 import Response
from starlette.testclient import TestClient

from dagster_project.api.clock import Clock
from dagster_project.api.server import Serving, application
from dagster_project.register import place, store, users
from dagster_project.warehouse.paths import Warehouse
from dagster_project.web import mounted
from tests.deals.conftest import ACME, ADA, BEN, NOW
from tests.scenarios import pipeline

VERA, ROOT = "vera@acme.ai", "root@acme.ai"
PASSWORD = "correct horse battery"
PEOPLE = {VERA: "viewer", BEN: "editor", ADA: "approver", ROOT: "admin"}


@dataclass
class Site:
    """Pages under test. serving: what they stand on."""

    client: TestClient
    serving: Serving

    def sign_in(self, email: str) -> None:
        self.client.cookies.clear()
        said = self.client.post("/sign-in", data={"email": email, "password": PASSWORD, "next": "/"}, follow_redirects=False)
        assert said.status_code == 303

    def get(self, path: str, status: int = 200) -> Response:
        said = self.client.get(path)
        assert said.status_code == status, f"{path}: {said.status_code}"
        return said

    def post(self, path: str, page: str, status: int = 303, **fields: str) -> Response:
        """Send a form, with the token of the page that it stands on."""
        found = re.search(r'name="token" value="([0-9a-f]+)"', self.client.get(page).text)
        said = self.client.post(path, data={"token": found[1] if found else "", **fields}, follow_redirects=False)
        assert said.status_code == status, f"{path}: {said.status_code} {said.text[-600:]}"
        return said


@pytest.fixture(scope="session")
def history(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Acme's quarter, billed; copied by whoever changes it."""
    folder = tmp_path_factory.mktemp("history")
    shutil.copytree(ACME, folder / "books", ignore=shutil.ignore_patterns("sample_events", "salesforce"))
    shutil.copytree(ACME / "salesforce", folder / "salesforce")
    pipeline.run(folder / "books", ACME / "sample_events", folder / "warehouse", "2026-04-05")
    return folder


def opened(folder: Path, *, trusted: str | None = None, is_secure: bool = False) -> tuple[Serving, TestClient]:
    warehouse = Warehouse(folder / "warehouse")
    (folder / "inbox").mkdir(exist_ok=True)
    register = store.opened(place.location_of(warehouse))
    for email, role in PEOPLE.items():
        users.add(register, email, role, PASSWORD, NOW)
    serving = Serving(warehouse, folder / "books", folder / "inbox", register, Clock(NOW))
    mounting = mounted.pages(str(folder / "salesforce"), "files", trusted, is_secure=is_secure)
    return serving, TestClient(application(serving, mounting))


@pytest.fixture(scope="module")
def site(history: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("site")
    shutil.copytree(history, folder, dirs_exist_ok=True)
    serving, client = opened(folder)
    with client:
        yield Site(client, serving)
