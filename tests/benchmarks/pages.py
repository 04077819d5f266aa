"""Pages for people: `python -m tests.benchmarks --stages pages`. Every page of a large site, signed in and warm, from a client on the
same machine; and the first page after a start, which reads the books.
"""

from __future__ import annotations

import http.client
import re
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import quote, urlencode

from dagster_project.warehouse.database import fetch, published
from dagster_project.warehouse.paths import Warehouse
from tests.benchmarks import site
from tests.benchmarks.door import cpu_seconds, serving
from tests.benchmarks.measure import cost_of

CLOCK = "2026-03-05T09:00:00Z"
TIMES = 7
FORMS: Mapping[str, Mapping[str, str]] = {
    "meter": dict.fromkeys(("display_name", "aggregation_key", "group_keys"), "")
    | {"event_name": "seen", "aggregation": "count"},
    "contract": {"id": "new", "customer": "cust_000001", "plan": "standard", "start_date": "2026-04-01", "end_date": ""},
}


@dataclass(frozen=True, slots=True)
class Shown:
    """What a page came to: milliseconds until it was there, in the middle of seven and at worst, and of the door's CPU; its size."""

    page: str
    median_ms: float
    worst_ms: float
    cpu_ms: float
    kibibytes: float


def measured(folder: Path, contracts: int) -> Iterator[Shown]:
    """All pages of a site of so many contracts."""
    if not (folder / "books").exists():
        site.build(folder, contracts)
    more = ["--salesforce", str(folder / "salesforce")]
    with serving(folder, folder / "books", CLOCK, *more) as (port, pid):
        visit = _Visit(port)
        visit.sign_in()
        for page, path in _pages(folder).items():
            visit.get(path)
            yield _shown(page, pid, [partial(visit.get, path)] * TIMES)
        yield _shown("a deal, the first look", pid, [partial(visit.get, f"/desk/{_deal(2 + nth)}") for nth in range(TIMES)])
        for form, given in FORMS.items():
            page = f"a check of a form: {form}"
            yield _shown(page, pid, [partial(visit.check, form, {**given, "code": f"NEW_{nth}"}) for nth in range(TIMES)])
    desk = cost_of(
        "dagster_project", "desk", "list", "--books", str(folder / "books"), "--warehouse", str(folder / "warehouse")
    )
    yield Shown(
        "`meterhouse desk list`, a process of its own", desk.seconds * 1e3, desk.seconds * 1e3, desk.cpu_seconds * 1e3, 0
    )


def _shown(page: str, pid: int, asks: Sequence[Callable[[], bytes]]) -> Shown:
    waited, cpu = list[float](), cpu_seconds(pid)
    for ask in asks:
        began = time.perf_counter()
        content = ask()
        waited.append(time.perf_counter() - began)
    cpu = (cpu_seconds(pid) - cpu) / len(asks)
    return Shown(page, statistics.median(waited) * 1e3, max(waited) * 1e3, cpu * 1e3, len(content) / 1024)


def table_of(folder: Path, contracts: int, found: Sequence[Shown]) -> str:
    lines, still_open = site.invoice_lines(folder), site.DEALS // site.OPEN_ONE_IN
    title = f"{contracts:,} contracts, {lines:,} invoice lines, {site.DEALS:,} deals of which {still_open:,} are open"
    rows = [
        f"| {one.page} | {one.median_ms:,.0f} | {one.worst_ms:,.0f} | {one.cpu_ms:,.0f} | {one.kibibytes:,.0f} |"
        for one in found
    ]
    head = "| page | ms, median | ms, worst | CPU ms of the door | KiB |\n|---|---:|---:|---:|---:|"
    return "\n".join([f"**{title}**", "", head, *rows])


def _pages(folder: Path) -> dict[str, str]:
    with published(Warehouse(folder / "warehouse")) as marts:
        invoice, contract, customer, line = fetch(
            marts,
            """
            select invoices.number, invoices.contract_id, invoices.customer_id, lines.line_no
            from marts.invoice_lines as lines inner join marts.invoices as invoices on lines.invoice_id = invoices.invoice_id
            where lines.kind = 'usage' and invoices.number is not null
                and invoices.contract_id in (select contract_id from marts.grant_balances)
            order by lines.event_count desc, invoices.number limit 1
            """,
        ).row(0)
    return {
        "attention": "/",
        "customers": "/customers",
        "customers, filtered and sorted": f"/customers?{urlencode({'q': 'customer 19', 'sort': 'name', 'dir': 'desc'})}",
        "a customer": f"/customers/{quote(customer)}",
        "contracts": "/contracts",
        "contracts, page 200": "/contracts?page=200",
        "a contract": f"/contracts/{quote(contract)}",
        "invoices": "/invoices",
        "invoices, filtered": "/invoices?q=0199&sort=total&dir=desc",
        "an invoice": f"/invoices/{quote(invoice)}",
        "events of a line": f"/invoices/{quote(invoice)}/lines/{line}/events",
        "an invoice as PDF": f"/invoices/{quote(invoice)}/document?format=pdf",
        "credits": "/credits",
        "usage": "/usage",
        "usage, filtered and sorted": "/usage?q=resolved&sort=quantity&dir=desc",
        "events": "/events",
        "events of a key": "/events?q=2026-01-77",
        "unmatched": "/unmatched",
        "meters": "/catalogue/meters",
        "rate cards": "/catalogue/rate-cards",
        "pricings": "/catalogue/pricings",
        "plans": "/catalogue/plans",
        "desk": "/desk",
        "a deal": f"/desk/{_deal(1)}",
        "a form": "/propose/meter",
        "what if": "/what-if",
        "keys": "/keys",
    }


def _deal(nth: int) -> str:
    """An open one."""
    return f"deal-006Hs00002{site.OPEN_ONE_IN * nth:05}IAA"


class _Visit:
    """Somebody at the pages, over one connection."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
        self._cookie = ""

    def sign_in(self) -> None:
        form = urlencode({"email": site.WHO, "password": site.PASSWORD, "next": "/"})
        self._connection.request("POST", "/sign-in", form, {"Content-Type": "application/x-www-form-urlencoded"})
        answer = self._connection.getresponse()
        answer.read()
        found = re.match(r"meterhouse_session=[^;]+", answer.headers.get("set-cookie", ""))
        if found is None:
            raise AssertionError(f"Nobody was signed in: {answer.status}")
        self._cookie = found[0]

    def check(self, form: str, given: Mapping[str, str]) -> bytes:
        """What the books say to a form before it is saved."""
        token = re.search(rb'name="token" value="([^"]+)"', self.get(f"/propose/{form}"))
        assert token is not None
        return self._asked("POST", f"/propose/{form}/check", urlencode({**given, "token": token[1].decode(), "because": "so"}))

    def get(self, path: str) -> bytes:
        return self._asked("GET", path)

    def _asked(self, method: str, path: str, form: str | None = None) -> bytes:
        headers = {"Cookie": self._cookie, "Content-Type": "application/x-www-form-urlencoded"}
        self._connection.request(method, path, form, headers)
        answer = self._connection.getresponse()
        content = answer.read()
        if answer.status != 200:
            raise AssertionError(f"{path}: {answer.status} {content[-400:]!r}")
        return content
