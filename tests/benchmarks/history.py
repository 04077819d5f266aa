"""What a night costs with a history behind it: `python -m tests.benchmarks --months 36`, or `--landings 1000`.

--months: one night a month bills the month before; each brings as many events as any other, a thirtieth of them a month late, so that
what differs between two nights is what lies behind them. --landings: so many small files land, each in a landing of its own and without
the rest of a night; whole nights of the same few events are measured in between.
Leaves the table between its own marks in docs/benchmark.md, and docs/images/history-months.png or history-landings.png.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import matplotlib as mpl
from pydantic import BaseModel

from dagster_project import landing
from dagster_project.warehouse.database import connect
from dagster_project.warehouse.paths import Warehouse
from tests.benchmarks.books import write_books
from tests.benchmarks.measure import cost_of
from tests.benchmarks.results import Cost

mpl.use("Agg")
# the books' contracts begin in 2026; history ends before what a run calls the future only where it is allowed to
FIRST_MONTH = datetime(2026, 1, 1)  # noqa: DTZ001 - instants are naive UTC throughout
NIGHT = timedelta(days=4, hours=3)  # after the days of grace
LATE_ONE_IN = 30
FEW = 100  # events of a night among landings
MEBIBYTE = 2**20
MARKS = ("<!-- {}: begin -->", "<!-- {}: end -->")

EVENTS = """
    copy (
        select
            case when i % 10 < 3 then 'ai_call' when i % 10 < 7 then 'llm_tokens' else 'api_call' end as event_name,
            'cust_' || lpad((1 + hash(i) % {customers})::varchar, 6, '0') as customer_id,
            '{name}-' || i::varchar as idempotency_key,
            strftime(
                case when {is_late} then timestamp '{before}' else timestamp '{first}' end
                + to_microseconds((hash(i * 3 + 1) % 2400000000000)::bigint),
                '%Y-%m-%dT%H:%M:%S.%fZ'
            ) as "timestamp",
            case
                when i % 10 < 3 then json_object('duration_minutes', (1 + hash(i) % 6000)::decimal(9, 0) / 100,
                    'region', ['US', 'EU', 'APAC'][1 + (hash(i + 7) % 3)::int], 'call_outcome', 'resolved')
                when i % 10 < 7 then json_object('model', ['large', 'small', 'mini'][1 + (hash(i + 9) % 3)::int],
                    'tokens', (1 + hash(i) % 8000))
                else json_object('endpoint', '/v1/items')
            end as properties
        from range({events}) as numbers(i)
    ) to '{path}' (format json)
"""


class Night(BaseModel):
    """One measured night: what lay behind it (`behind`: months or landings), what it cost, and what the warehouse holds after it."""

    behind: int
    cost: Cost
    files: int
    size_bytes: int


def nights_over_months(folder: Path, months: int, contracts: int, events: int) -> Iterator[Night]:
    """Bill so many months, one night a month."""
    books = write_books(folder / "books", contracts, seed=1)
    inbox, warehouse = folder / "inbox", folder / "warehouse"
    inbox.mkdir(parents=True, exist_ok=True)
    first, before = FIRST_MONTH, FIRST_MONTH
    for behind in range(months):
        write_events(inbox / f"{first:%Y-%m}.ndjson", first, before, contracts, events)
        after = (first + timedelta(days=32)).replace(day=1)
        yield _night(books, inbox, warehouse, after + NIGHT, behind)
        first, before = after, first


def nights_over_landings(folder: Path, landings: int, contracts: int) -> Iterator[Night]:
    """Land so many small files, one a landing; measure a whole night behind 10, 100 and every further power of ten, and the last."""
    books = write_books(folder / "books", contracts, seed=1)
    inbox, warehouse = folder / "inbox", folder / "warehouse"
    inbox.mkdir(parents=True, exist_ok=True)
    measured = sorted({10**power for power in range(1, len(str(landings))) if 10**power < landings} | {landings})
    for behind in range(1, landings + 1):
        as_of = FIRST_MONTH + timedelta(minutes=30 * behind)
        write_events(inbox / f"{behind:06}.ndjson", FIRST_MONTH - timedelta(days=30), FIRST_MONTH, contracts, FEW)
        if behind in measured:
            yield _night(books, inbox, warehouse, as_of, behind)
        else:
            landing.land(str(inbox), Warehouse(warehouse), as_of)


def write_events(path: Path, first: datetime, before: datetime, customers: int, events: int) -> None:
    with connect() as connection:
        connection.execute(
            EVENTS.format(
                customers=customers,
                name=path.stem,
                is_late=f"i % {LATE_ONE_IN} = 0",
                before=before,
                first=first,
                events=events,
                path=path,
            )
        )


def _night(books: Path, inbox: Path, warehouse: Path, as_of: datetime, behind: int) -> Night:
    places = ["--books", str(books), "--inbox", str(inbox), "--warehouse", str(warehouse)]
    cost = cost_of("dagster_project", "run", *places, "--as-of", as_of.isoformat(), "--allow-future")
    held = [path for path in warehouse.rglob("*") if path.is_file()]
    return Night(behind=behind, cost=cost, files=len(held), size_bytes=sum(path.stat().st_size for path in held))


def table_of(title: str, unit: str, nights: list[Night]) -> str:
    """The nights as markdown, the first and the last and up to ten between them, with what the last costs beside the fifth."""
    step = max(1, len(nights) // 10)
    shown = [night for number, night in enumerate(nights) if number % step == 0 or number == len(nights) - 1]
    rows = [
        f"| {one.behind:,} | {one.cost.seconds:.1f} | {one.cost.cpu_seconds:.1f} | {one.cost.peak_bytes / MEBIBYTE:,.0f} "
        f"| {one.files:,} | {one.size_bytes / MEBIBYTE:,.1f} |"
        for one in shown
    ]
    head = f"| {unit} behind | wall s | CPU s | peak MiB | files | MiB |\n|---:|---:|---:|---:|---:|---:|"
    early = nights[min(4, len(nights) - 1)] if unit == "months" else nights[0]
    last = nights[-1]
    ratio = (
        f"{unit} {last.behind} beside {early.behind}: {last.cost.cpu_seconds / early.cost.cpu_seconds:.2f} of the CPU, "
        f"{last.cost.peak_bytes / early.cost.peak_bytes:.2f} of the memory."
    )
    return "\n".join([f"**{title}**", "", head, *rows, "", ratio])


def draw(title: str, unit: str, nights: list[Night], path: Path) -> None:
    """Time, CPU, memory, files and bytes against the number of nights."""
    import matplotlib.pyplot as plt

    series = {
        "wall and CPU seconds": [[one.cost.seconds for one in nights], [one.cost.cpu_seconds for one in nights]],
        "peak memory, MiB": [[one.cost.peak_bytes / MEBIBYTE for one in nights]],
        "files": [[one.files for one in nights]],
        "warehouse, MiB": [[one.size_bytes / MEBIBYTE for one in nights]],
    }
    figure, axes = plt.subplots(1, len(series), figsize=(15, 3.5), layout="constrained")
    for axis, (name, lines) in zip(axes, series.items(), strict=True):
        for line, label in zip(lines, name.split(" and "), strict=False):
            axis.plot([one.behind for one in nights], line, marker="o", markersize=3, label=label)
        if len(lines) > 1:
            axis.legend(fontsize="small")
        axis.set_ylim(bottom=0)
        axis.set_xlabel(f"{unit} behind the night")
        axis.set_title(name)
    figure.suptitle(title)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110, metadata={"Software": None})
    plt.close(figure)


def write_between_marks(page: Path, name: str, text: str) -> None:
    """Put the text between the marks of that name; a page without them gets them at its end."""
    begin, end = (mark.format(name) for mark in MARKS)
    written = page.read_text() if page.exists() else ""
    if begin not in written:
        written += f"\n{begin}\n{end}\n"
    before, _, rest = written.partition(begin)
    page.write_text(f"{before}{begin}\n\n{text}\n\n{end}{rest.partition(end)[2]}")
