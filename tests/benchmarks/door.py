"""The HTTP door: `python -m tests.benchmarks --stages door`. Batches of a thousand over four connections, then single events over
sixty-four, from a client on the same machine; every event is forced to disk before it is answered. With notices and without.
Then a register that has many agreements already: how long a door takes to start on it, before a run has read them and after; what
a run's reading of register and books costs; sign-ups, and looking at what was agreed after each.
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
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa

from dagster_project.pipeline.run import Run
from dagster_project.pipeline.steps import lay_books
from dagster_project.register import keys, place, records, store
from dagster_project.settings import now
from dagster_project.warehouse.paths import Warehouse
from tests.benchmarks.books import write_books

BATCH, BATCHES, SINGLES = 1_000, 100, 6_000
BATCH_CONNECTIONS, SINGLE_CONNECTIONS = 4, 64
SIGN_UPS, LOOKS, AGREEMENTS = 100, 40, 100_000
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


@dataclass(frozen=True, slots=True)
class Agreed:
    """What something that has to do with agreements took: seconds of wall time and of CPU, by what was done."""

    what: str
    median_ms: float
    p99_ms: float
    cpu_ms: float


def agreements(folder: Path, customers: int, known: int) -> Iterator[Agreed]:
    """The door and a run where so many agreements are known: start, reading register and books, sign-ups one by one and four at a time,
    and a look after each."""
    books = write_books(folder / "books", customers, seed=1)
    _allow_self_service(books / "catalogue.yml")
    (folder / "inbox").mkdir(parents=True)
    warehouse = Warehouse(folder / "warehouse")
    location = place.location_of(warehouse)
    register = store.opened(location)
    key = keys.create(register, "benchmark", ["*"], now())
    _fill(register, known)

    def started(what: str, began: float, port: int, pid: int) -> Iterator[Agreed]:
        taking, used = (time.perf_counter() - began) * 1e3, cpu_seconds(pid) * 1e3
        yield Agreed(f"start, until the door takes events; {what}", taking, taking, used)
        until = time.monotonic() + 600
        while time.monotonic() < until:
            with contextlib.suppress(AssertionError):  # the books are being read
                asyncio.run(_asked(port, key, "GET", "/health/ready", b""))
                break
            time.sleep(0.1)
        ready = (time.perf_counter() - began) * 1e3
        yield Agreed(f"start, until the door is ready; {what}", ready, ready, cpu_seconds(pid) * 1e3)

    began = time.perf_counter()
    with serving(folder, books, CLOCK) as (port, pid):
        yield from started("no run has read anything", began, port, pid)
    as_of = datetime(2026, 6, 1)  # noqa: DTZ001 - naive UTC throughout
    run = Run(warehouse, books, str(folder / "inbox"), as_of, register=location)
    for what in ("all of them new", "nothing new", "one record new"):
        if what == "one record new":
            draft = records.Draft("mk_live_00000000…", "req_0", "", "customer.create", {"id": "cus_late", "name": "Late"})
            records.append(register, draft, datetime(2026, 1, 11))  # noqa: DTZ001
        yield _as_a_run_reads(f"a run reads register and books, {what}", replace(run))
    began = time.perf_counter()
    with serving(folder, books, CLOCK) as (port, pid):
        yield from started("a run has read them", began, port, pid)
        for connections in (1, 4):
            before = cpu_seconds(pid)
            waited = sorted(asyncio.run(_signed_up(port, key, f"{connections}", SIGN_UPS, connections)))
            yield Agreed(
                f"an agreement of a sign-up, {connections} at a time",
                waited[len(waited) // 2] * 1e3,
                waited[int(len(waited) * 0.99)] * 1e3,
                (cpu_seconds(pid) - before) * 1e3 / len(waited),
            )
        yield asyncio.run(_looked_at(port, pid, key, LOOKS))


def _as_a_run_reads(what: str, run: Run) -> Agreed:
    began, cpu = time.perf_counter(), time.process_time()
    found = run.books
    took, used = time.perf_counter() - began, time.process_time() - cpu
    lay_books(run)
    assert found.contracts.height
    return Agreed(what, took * 1e3, took * 1e3, used * 1e3)


async def _looked_at(port: int, pid: int, key: str, times: int) -> Agreed:
    """A look at a customer that has just been agreed."""
    waited, cpu = list[float](), 0.0
    for nth in range(times):
        body = json.dumps({"name": "Seen", "externalCustomerId": f"seen-{nth}"}).encode()
        made = json.loads(await _asked(port, key, "POST", "/v1/customers", body))["data"]["id"]
        began, before = time.perf_counter(), cpu_seconds(pid)
        await _asked(port, key, "GET", f"/v1/customers/{made}", b"")
        waited.append(time.perf_counter() - began)
        cpu += cpu_seconds(pid) - before
    waited.sort()
    return Agreed("a look at a customer after its agreement", waited[times // 2] * 1e3, waited[-1] * 1e3, cpu * 1e3 / times)


def table_of_agreements(found: Sequence[Agreed]) -> str:
    rows = [f"| {one.what} | {one.median_ms:,.0f} | {one.p99_ms:,.0f} | {one.cpu_ms:,.0f} |" for one in found]
    return "\n".join(["| agreements | median ms | p99 ms | CPU ms of the door or run |", "|---|---:|---:|---:|", *rows])


def _allow_self_service(catalogue: Path) -> None:
    text = catalogue.read_text().replace("{code: standard,", "{code: standard, self_serve: true,")
    limits = 'self_serve: {grant_max: "100.00", grants_per_contract: 3}'
    catalogue.write_text(text.replace("currency: USD}", f"currency: USD, {limits}}}", 1))


def _fill(register: sa.Engine, number: int) -> None:
    """Sign-ups of five agreements for two customers: each with a contract, every other one with a grant."""
    made = list[tuple[str, dict[str, object]]]()
    for nth in range(1 + number * 2 // 5):
        customer, contract = f"cus_{nth:026}", f"ctr_{nth:026}"
        made.append(("customer.create", {"id": customer, "name": f"Customer {nth}", "external_id": f"user-{nth}"}))
        terms = {"customer": customer, "plan": "standard", "start_date": "2026-01-10", "status": "approved"}
        made.append(("contract.create", {"id": contract, **terms}))
        if nth % 2:
            grant = {"contract": contract, "kind": "promotional", "amount": "5.00"}
            dates = {"effective_at": "2026-01-10T00:00:00Z", "expires_at": "2026-06-01T00:00:00Z"}
            made.append(("grant.create", {"id": f"gr_{nth:026}", **grant, **dates}))
    drafts = [records.Draft("mk_live_00000000…", "req_0", f"{nth}", op, item) for nth, (op, item) in enumerate(made[:number])]
    for first in range(0, number, 5_000):
        records.append_all(register, drafts[first : first + 5_000], datetime(2026, 1, 10))  # noqa: DTZ001 - naive UTC


async def _signed_up(port: int, key: str, series: str, number: int, connections: int) -> list[float]:
    """Seconds that each agreement of so many sign-ups took: a customer, a contract and a grant."""
    waiting, waited = iter(range(number)), list[float]()

    async def one() -> None:
        for nth in waiting:
            external, path = f"new-{series}-{nth}", "/v1/customers"
            for body in (
                {"name": external, "externalCustomerId": external},
                {"planId": "standard", "externalCustomerId": external},
                {"amountCents": 500, "expiresAt": "2026-06-01T00:00:00Z"},
            ):
                began = time.perf_counter()
                said = await _asked(port, key, "POST", path, json.dumps(body).encode())
                waited.append(time.perf_counter() - began)
                made = json.loads(said)["data"]["id"]
                path = "/v1/contracts" if path == "/v1/customers" else f"/v1/contracts/{made}/credits/promotional/grant"

    await asyncio.gather(*(one() for _ in range(connections)))
    return waited


async def _asked(port: int, key: str, method: str, path: str, body: bytes) -> bytes:
    """The body of an answer. Raises where it is no good one."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    head = f"{method} {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\ncontent-type: application/json\r\n"
    writer.write(f"{head}content-length: {len(body)}\r\n\r\n".encode() + body)
    answer = await reader.readuntil(b"\r\n\r\n")
    length = next(line for line in answer.lower().split(b"\r\n") if line.startswith(b"content-length:"))
    said = await reader.readexactly(int(length.partition(b":")[2]))
    writer.close()
    if not answer.startswith((b"HTTP/1.1 200", b"HTTP/1.1 201")):
        raise AssertionError(said)
    return said


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
        until = time.monotonic() + 600
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
