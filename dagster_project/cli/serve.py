"""`meterhouse serve`: the HTTP door."""

from __future__ import annotations

import contextlib
import ipaddress
import re
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import uvicorn

from dagster_project import settings
from dagster_project.api.clock import Clock
from dagster_project.api.server import Serving, application
from dagster_project.cli.screen import screen
from dagster_project.deals import publishing
from dagster_project.deals.desk import Desk
from dagster_project.errors import UserError
from dagster_project.pipeline.guards import folder_faults
from dagster_project.register import keys, place, store, users
from dagster_project.warehouse.paths import Warehouse
from dagster_project.web import mounted

UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
GRACE_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Pages:
    """What the pages are given: Salesforce's tables, how approved deals get into the books, who names people."""

    salesforce: str | None = None
    publish: str | None = None
    trust_header: str | None = None


def serve(
    host: str,
    port: int,
    clock: str | None,
    books: Path,
    inbox: str,
    warehouse: Path,
    register: str | None,
    segment_age: str,
    keep_segments: str,
    pages: Pages,
    *,
    behind_proxy: bool,
) -> None:
    """Serve until somebody ends it. Raises `UserError` for places that cannot be what they are said to be."""
    if "://" in inbox:
        raise UserError(
            f"The door writes into a folder, and {inbox} is none. Name the folder that runs land from with --inbox."
        )
    if faults := [*folder_faults(Path(inbox), "inbox", "--inbox"), *folder_faults(warehouse, "warehouse", "--warehouse")]:
        raise UserError(*faults)
    if not behind_proxy and not _is_loopback(host):
        raise UserError(
            f"--host {host} can be reached from elsewhere, and keys would travel in the clear. Put a proxy that speaks TLS before the "
            "door and say --behind-proxy, or leave the host at 127.0.0.1."
        )
    Path(inbox).mkdir(parents=True, exist_ok=True)
    house = Warehouse(warehouse)
    engine = store.opened(register or place.location_of(house))
    serving = Serving(
        warehouse=house,
        books=books,
        inbox=Path(inbox),
        register=engine,
        clock=Clock(settings.instant(clock) if clock else None),
        segment_age_seconds=_span(segment_age, "--segment-age").total_seconds(),
        keep_segments=_span(keep_segments, "--keep-segments"),
    )
    if pages.trust_header is not None and not behind_proxy:
        raise UserError("--trust-header believes whoever sends it: it needs --behind-proxy, and a proxy that sets it.")
    publishing.way_of(books, pages.publish)
    _finish_approved(Desk(books, engine, house, pages.salesforce, pages.publish))
    if not keys.every(engine):
        screen.print("Nobody has a key yet: `meterhouse keys create NAME --scope usage:write` makes one.", soft_wrap=True)
    if not users.every(engine):
        screen.print("Nobody may sign in yet: `meterhouse users add you@example.com --role admin`.", soft_wrap=True)
    screen.print(
        f"Meterhouse listens on http://{host}:{port}/v1, shows its pages at http://{host}:{port}/ and writes to {inbox}.",
        soft_wrap=True,
    )
    server = _Server(
        uvicorn.Config(
            application(serving, mounted.pages(pages.salesforce, pages.publish, pages.trust_header, is_secure=behind_proxy)),
            host=host,
            port=port,
            log_level="warning",
            access_log=False,
            server_header=False,
            proxy_headers=behind_proxy,
            timeout_graceful_shutdown=GRACE_SECONDS,
        )
    )
    server.run()


def _finish_approved(desk: Desk) -> None:
    """Finish what was approved and died on its way (R-78); what cannot be finished is for the desk to say."""
    with contextlib.suppress(Exception):
        desk.apply_all(settings.now())


class _Server(uvicorn.Server):
    """Ends with exit code 0 when it is told to end: that is no failure."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _span(text: str, flag: str) -> timedelta:
    if read := re.fullmatch(r"(\d+)([smhd])", text.strip()):
        return timedelta(**{UNITS[read[2]]: int(read[1])})
    raise UserError(f"{flag} {text} is no length of time. Write a number and s, m, h or d, such as 5m.")
