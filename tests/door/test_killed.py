"""Acknowledged is landed (R-58): doors and runs are killed at random instants, under load."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import httpx2 as httpx
import polars as pl
import pytest

from dagster_project import landing
from dagster_project.landing import doors
from dagster_project.register import keys, place, store
from dagster_project.warehouse.paths import Warehouse
from tests.door.conftest import ACME, CALL, NOW

CLOCK = "2026-01-20T09:00:00Z"
LANDING = """
import sys
from datetime import datetime
from pathlib import Path
from dagster_project import landing
from dagster_project.landing import doors
from dagster_project.warehouse.paths import Warehouse
doors.close_segments(sys.argv[1])
landing.land(sys.argv[1], Warehouse(Path(sys.argv[2])), datetime.fromisoformat(sys.argv[3]))
"""


@contextlib.contextmanager
def serving(folder: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    places = ["--inbox", str(folder / "inbox"), "--warehouse", str(folder / "warehouse"), "--books", str(ACME)]
    command = [sys.executable, "-m", "dagster_project", "serve", "--port", str(port), "--clock", CLOCK, *places]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        until = time.monotonic() + 60
        while time.monotonic() < until:
            with contextlib.suppress(httpx.TransportError):
                if httpx.get(f"http://127.0.0.1:{port}/health/live").status_code == 200:
                    break
            time.sleep(0.05)
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def sends(port: int, auth: dict[str, str], name: str, acknowledged: set[str], is_over: threading.Event) -> None:
    """Send batches of three until it is over; what is acknowledged is noted."""
    number = 0
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=auth, timeout=5) as client:
        while not is_over.is_set():
            named = [f"{name}-{number + nth}" for nth in range(3)]
            number += 3
            events = [CALL | {"idempotency_key": key, "properties": {"duration_minutes": _minutes_of(key)}} for key in named]
            with contextlib.suppress(httpx.TransportError):
                answer = client.post("/v1/events/batch", json=events)
                if answer.status_code == 202:
                    acknowledged.update(named)


def _minutes_of(key: str) -> str:
    """What the event of a key says, a number as text: digits that no other event has."""
    return f"{int.from_bytes(key.encode()) % 10**12}.{len(key)}"


def lived_through(folder: Path, rounds: int, seed: int) -> None:
    chance, acknowledged = random.Random(seed), set[str]()
    (folder / "inbox").mkdir(parents=True)
    warehouse = Warehouse(folder / "warehouse")
    register = store.opened(place.location_of(warehouse))
    auth = {"authorization": f"Bearer {keys.create(register, 'tests', ['*'], NOW)}"}
    as_of = "2026-01-20T10:00:00"
    for number in range(rounds):
        port, is_over = free_port(), threading.Event()
        with serving(folder, port) as door:
            senders = [
                threading.Thread(target=sends, args=(port, auth, f"{number}-{nth}", acknowledged, is_over)) for nth in range(3)
            ]
            for sender in senders:
                sender.start()
            time.sleep(chance.uniform(0.2, 1.2))
            command = [sys.executable, "-c", LANDING, str(folder / "inbox"), str(folder / "warehouse"), as_of]
            run = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            time.sleep(chance.uniform(0.0, 2.5))
            if chance.random() < 0.5:
                run.kill()
            os.killpg(door.pid, signal.SIGKILL)
            is_over.set()
            run.wait()
            for sender in senders:
                sender.join()
    doors.close_segments(str(folder / "inbox"))
    landing.land(str(folder / "inbox"), warehouse, datetime.fromisoformat(as_of))
    events = pl.concat([pl.read_parquet(file) for file in landing.raw_files(warehouse)])
    landed = events.get_column("idempotency_key")
    assert acknowledged
    said = dict(events.select("idempotency_key", "properties").iter_rows())
    assert all(json.loads(said[key]) == {"duration_minutes": _minutes_of(key)} for key in acknowledged)
    assert acknowledged <= set(landed)
    assert landed.n_unique() == landed.len()  # each was sent once, so each landed once
    assert not landing.quarantine_files(warehouse)
    assert not list((folder / "inbox").rglob("*.part"))


def test_r58_what_was_acknowledged_lands_once_whatever_is_killed(tmp_path: Path) -> None:
    lived_through(tmp_path / "a", rounds=3, seed=1)


@pytest.mark.full
@pytest.mark.parametrize("seed", range(10))
def test_r58_what_was_acknowledged_lands_once_at_length(tmp_path: Path, seed: int) -> None:
    lived_through(tmp_path / "a", rounds=20, seed=100 + seed)


def test_r51_told_to_end_it_answers_what_has_begun_and_closes_its_segment(tmp_path: Path) -> None:
    (tmp_path / "inbox").mkdir()
    register = store.opened(place.location_of(Warehouse(tmp_path / "warehouse")))
    auth = {"authorization": f"Bearer {keys.create(register, 'tests', ['*'], NOW)}"}
    port = free_port()
    with serving(tmp_path, port) as door:
        assert httpx.post(f"http://127.0.0.1:{port}/v1/events", json=CALL, headers=auth).status_code == 202
        door.send_signal(signal.SIGTERM)
        assert door.wait(20) == 0
    [segment] = (tmp_path / "inbox").rglob("*.ndjson")
    assert json.loads(segment.read_text())["idempotency_key"] == CALL["idempotency_key"]


def test_r51_a_host_that_others_reach_needs_a_proxy(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "dagster_project", "serve", "--host", "0.0.0.0", "--warehouse", str(tmp_path)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert ended.returncode == 2
    assert "--behind-proxy" in ended.stderr
