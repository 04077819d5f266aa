"""The HTTP door: `python -m tests.benchmarks --stages door`. Batches of a thousand over four connections, then single events over
sixty-four, from a client on the same machine; every event is forced to disk before it is answered. With notices and without.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from dagster_project.register import keys, place, store
from dagster_project.settings import now
from dagster_project.warehouse.paths import Warehouse
from tests.benchmarks.books import write_books

BATCH, BATCHES, SINGLES = 1_000, 100, 6_000
BATCH_CONNECTIONS, SINGLE_CONNECTIONS = 4, 64
CLOCK = "2026-01-20T09:00:00Z"
TICKS = 100  # of the operating system, a second


@dataclass(frozen=True, slots=True)
class Served:
    """What one kind of request came to: events a second of wall time and of the door's CPU, and the slowest of a hundred answers."""

    what: str
    a_second: float
    a_cpu_second: float
    p99_ms: float


def measured(folder: Path, customers: int) -> Iterator[Served]:
    """The door on books of so many customers."""
    books = write_books(folder / "books", customers, seed=1)
    (folder / "inbox").mkdir(parents=True)
    register = store.opened(place.location_of(Warehouse(folder / "warehouse")))
    key = keys.create(register, "benchmark", ["usage:write"], now())
    with serving(folder, books, CLOCK) as (port, pid):
        for notices in ("none", "all"):
            said = "without notices" if notices == "none" else "with notices"
            path = f"/v1/events/batch?notices={notices}"
            bodies = [json.dumps({"events": [_event(number, at) for at in range(BATCH)]}).encode() for number in range(BATCHES)]
            asyncio.run(_sent(port, key, path, bodies[:2], 1))
            yield _served(f"batches of {BATCH:,}, {said}", port, pid, key, path, bodies, BATCH_CONNECTIONS, BATCH)
            path = f"/v1/events?notices={notices}"
            bodies = [json.dumps(_event(BATCHES + 1, at)).encode() for at in range(SINGLES)]
            asyncio.run(_sent(port, key, path, bodies[:200], 8))
            yield _served(
                f"single events, {SINGLE_CONNECTIONS} connections, {said}", port, pid, key, path, bodies, SINGLE_CONNECTIONS, 1
            )


def table_of(found: Sequence[Served]) -> str:
    rows = [f"| {one.what} | {one.a_second:,.0f} | {one.a_cpu_second:,.0f} | {one.p99_ms:,.0f} |" for one in found]
    return "\n".join(
        ["| events by HTTP, client included | a second | a CPU second of the door | p99 ms |", "|---|---:|---:|---:|", *rows]
    )


def _event(batch: int, number: int) -> dict[str, object]:
    return {
        "event_name": "ai_call",
        "customer_id": f"cust_{1 + number % 2_000:06}",
        "idempotency_key": f"{batch}-{number}",
        "timestamp": "2026-01-05T10:00:00Z",
        "properties": {
            "region": ("US", "EU", "APAC")[number % 3],
            "call_outcome": "resolved",
            "duration_minutes": number % 7 + 0.5,
        },
    }


def _served(
    what: str, port: int, pid: int, key: str, path: str, bodies: Sequence[bytes], connections: int, events: int
) -> Served:
    began, cpu = time.perf_counter(), cpu_seconds(pid)
    waited = sorted(asyncio.run(_sent(port, key, path, bodies, connections)))
    seconds, used = time.perf_counter() - began, cpu_seconds(pid) - cpu
    number = len(bodies) * events
    return Served(what, number / seconds, number / used, waited[int(len(waited) * 0.99)] * 1_000)


async def _sent(port: int, key: str, path: str, bodies: Sequence[bytes], connections: int) -> list[float]:
    """Seconds that each request took. Raises where one was not accepted."""
    waiting, waited = iter(bodies), list[float]()

    async def one() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for body in waiting:
            head = f"POST {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\ncontent-type: application/json\r\n"
            began = time.perf_counter()
            writer.write(f"{head}content-length: {len(body)}\r\n\r\n".encode() + body)
            answer = await reader.readuntil(b"\r\n\r\n")
            if not answer.startswith(b"HTTP/1.1 202"):
                raise AssertionError(answer)
            length = next(line for line in answer.lower().split(b"\r\n") if line.startswith(b"content-length:"))
            await reader.readexactly(int(length.partition(b":")[2]))
            waited.append(time.perf_counter() - began)
        writer.close()

    await asyncio.gather(*(one() for _ in range(connections)))
    return waited


@contextlib.contextmanager
def serving(folder: Path, books: Path, clock: str, *more: str) -> Iterator[tuple[int, int]]:
    """Port and process of a door, once it answers."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = int(found.getsockname()[1])
    places = ["--inbox", str(folder / "inbox"), "--warehouse", str(folder / "warehouse"), "--books", str(books)]
    command = [sys.executable, "-m", "dagster_project", "serve", "--port", str(port), "--clock", clock, *places, *more]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        until = time.monotonic() + 120
        while time.monotonic() < until:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            time.sleep(0.1)
        yield port, process.pid
    finally:
        process.terminate()
        process.wait()


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS
