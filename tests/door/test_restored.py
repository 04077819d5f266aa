"""The documented recipe of backup and restore, on either register: what comes back goes on where it was (docs/operations.md)."""

from __future__ import annotations

import shutil
import subprocess
from datetime import datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from dagster_project.cli.app import app
from dagster_project.cli.launch import launch
from dagster_project.pipeline.run import Run
from dagster_project.register import place, records, store
from dagster_project.warehouse.database import fetch, published
from dagster_project.warehouse.paths import Warehouse
from tests.door.test_agreements import Api

LATER = datetime(2026, 3, 5)  # noqa: DTZ001 - naive UTC throughout
INVOICES = "select * exclude (books_version) from marts.invoices order by all"
CALL = {
    "event_name": "api_calls",
    "externalCustomerId": "nova",
    "timestamp": "2026-01-20T09:00:00Z",
    "properties": {"calls": 7},
}


def _meterhouse(*arguments: str) -> str:
    done = CliRunner().invoke(app, list(arguments))
    assert done.exit_code == 0, (done.output, done.exception)
    return done.output


def _git(*arguments: str) -> None:
    subprocess.run(["git", "-c", "user.email=ops@acme.ai", "-c", "user.name=ops", *arguments], check=True, capture_output=True)


def _restored_register(location: str, copy: Warehouse, dump: Path) -> str:
    """Where the register lies that was restored: in the copy, or in a database that was made of its dump."""
    if location.startswith("sqlite"):
        return place.location_of(copy)
    restored = f"{location}_restored"
    with sa.create_engine(location, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool).connect() as server:
        server.execute(sa.text(f"create database {restored.rpartition('/')[2]}"))
    _postgresql("psql", restored, "--quiet", "--set", "ON_ERROR_STOP=1", "--file", str(dump))
    return restored


def _postgresql(program: str, location: str, *arguments: str) -> None:
    found = shutil.which(program)
    if found is None:
        pytest.skip(f"{program} is not here: the recipe is tested on SQLite alone.")
    command = [found, location.replace("+psycopg", ""), *arguments]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


@pytest.fixture
def api(tmp_path: Path, location: str) -> Api:
    return Api(tmp_path, location)


def test_what_is_restored_is_what_was_and_goes_on(api: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copy, books, inbox, dump = (tmp_path / "restored" / name for name in ("warehouse", "books", "inbox", "register.sql"))
    backup, is_on_a_server = tmp_path / "backup", not api.location.startswith("sqlite")
    if is_on_a_server:
        monkeypatch.setenv("METERHOUSE_REGISTER", api.location)
    with api.client:
        contract = api.contract(api.customer())
        api("events/batch", [CALL | {"idempotency_key": f"landed-{nth}"} for nth in range(20)], 202)  # type: ignore[arg-type]
        api.run()
        api(f"contracts/{contract}/credits/promotional/grant", {"amountCents": 500, "expiresAt": "2026-06-01T00:00:00Z"})
        api("events/batch", [CALL | {"idempotency_key": f"waits-{nth}"} for nth in range(10)], 202)  # type: ignore[arg-type]
        # the recipe, in its order, while the door is open
        said = _meterhouse("backup", "--warehouse", str(api.serving.warehouse.root), "--to", str(backup))
        assert ("pg_dump" in said) == is_on_a_server
        dump.parent.mkdir()
        if is_on_a_server:
            _postgresql("pg_dump", api.location, "--file", str(dump))
        shutil.copytree(api.serving.inbox, inbox)
        _git("-C", str(api.books), "init", "--quiet")
        _git("-C", str(api.books), "add", "-A")
        _git("-C", str(api.books), "commit", "--quiet", "-m", "Books")
    shutil.copytree(backup, copy)
    _git("clone", "--quiet", str(api.books), str(books))
    register = _restored_register(api.location, Warehouse(copy), dump)
    if is_on_a_server:
        monkeypatch.setenv("METERHOUSE_REGISTER", register)
    assert _meterhouse("verify", "--warehouse", str(copy)) == ""
    chains = [records.every(store.opened(where)) for where in (api.location, register)]
    assert chains[0] == chains[1]
    assert [record.op for record in chains[0]] == ["customer.create", "contract.create", "grant.create"]
    invoices = []
    for warehouse, folder, where, location in (
        (api.serving.warehouse, api.books, api.serving.inbox, api.location),
        (Warehouse(copy), books, inbox, register),
    ):
        assert launch(Run(warehouse, folder, str(where), LATER, register=location)).balanced
        with published(warehouse) as marts:
            invoices.append(fetch(marts, INVOICES).rows())
            counted = fetch(marts, "select sum(quantity) from marts.usage where contract_id = $id", {"id": contract}).item()
        assert counted == 30 * 7
    assert invoices[0] == invoices[1]
    # and what was restored is one that can be damaged, and says so
    with store.opened(register).begin() as connection:
        connection.execute(sa.text("update records set item = replace(item, 'Nova', 'Nora') where seq = 1"))
    assert "record 1" in CliRunner().invoke(app, ["verify", "--warehouse", str(copy)]).output
