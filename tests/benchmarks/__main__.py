"""`make bench`, or `python -m tests.benchmarks --events 1e6 20e6`: time every stage beside its yardstick, at several sizes in one go.

Two sizes or more tell the fixed part of a cost from its slope. Leaves docs/benchmark.md and docs/images/benchmark.png.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from tests.benchmarks import agreement, documents, door, events, features, history, nights, pages
from tests.benchmarks.books import write_books
from tests.benchmarks.events import Month
from tests.benchmarks.measure import ROOT, cost_of
from tests.benchmarks.picture import draw
from tests.benchmarks.report import write_report
from tests.benchmarks.results import Cost, KernelSpeed, Machine, Measurements, Results, Stage
from tests.benchmarks.yardsticks import YARDSTICKS

STAGES = ("yardsticks", "nights", "apart", "kernel")
DOOR, DOCUMENTS, PAGES = "door", "documents", "pages"  # each measured by itself
PARTS = ("duckdb", "polars", "dbt-core", "dbt-duckdb", "dagster", "great-expectations")
KERNEL_CONTRACTS = 20_000


def main() -> None:
    asked = _arguments()
    if asked.months or asked.landings:
        _history(asked)
        return
    if asked.features:
        _features(asked)
        return
    by_themselves = [measured for stage, measured in _BY_THEMSELVES.items() if stage in asked.stages]
    for measured in by_themselves:
        measured(asked)
    if by_themselves:
        return
    results = Results(
        machine=_machine(),
        measured_on=f"{datetime.now(UTC):%Y-%m-%d}",
        customers=asked.customers,
        seed=asked.seed,
        load=[os.getloadavg()[0]],
    )
    with tempfile.TemporaryDirectory(prefix="meterhouse-bench-") as scratch:
        root = asked.keep or Path(scratch)
        for size in sorted(asked.events):
            folder = root / f"{size}"
            shutil.rmtree(folder, ignore_errors=True)
            # one size is enough to see where time goes
            stages = [stage for stage in asked.stages if stage != "apart" or size == max(asked.events)]
            results.sizes.append(measure(folder, Month(size, asked.customers, asked.seed), asked.nights, stages))
            if asked.keep is None:
                shutil.rmtree(folder)
        if "kernel" in asked.stages:
            _say(f"kernel, {KERNEL_CONTRACTS:,} contracts")
            results.kernel = _kernel(root / "kernel", asked.seed)
        results.load.append(os.getloadavg()[0])
        if asked.keep:
            (asked.keep / "results.json").write_text(results.model_dump_json(indent=2))
    (asked.docs / "images").mkdir(parents=True, exist_ok=True)
    write_report(results, asked.docs / "benchmark.md")
    draw(results, asked.docs / "images" / "benchmark.png")
    _say(f"see {asked.docs / 'benchmark.md'}")


def _features(asked: argparse.Namespace) -> None:
    """Nights with newer features beside plain ones; see `features`."""
    month = Month(asked.events[0], asked.customers, asked.seed)
    compared = []
    with tempfile.TemporaryDirectory(prefix="meterhouse-bench-") as scratch:
        for one in features.nights_of_variants(asked.keep or Path(scratch), month):
            _say(f"{one.variant}: {one.cost.seconds:.1f} s, {one.cost.cpu_seconds:.1f} CPU s")
            compared.append(one)
    history.write_between_marks(asked.docs / "benchmark.md", "features", features.table_of(month, compared))


def _door(asked: argparse.Namespace) -> None:
    """Events and agreements by HTTP; see `door`."""
    found, agreed = list[door.Served](), list[door.Agreed]()
    with tempfile.TemporaryDirectory(prefix="meterhouse-bench-") as scratch:
        root = asked.keep or Path(scratch)
        for one in door.measured(root / "events", asked.customers):
            _say(f"{one.what}: {one.a_second:,.0f} a second, {one.a_cpu_second:,.0f} a CPU second, p99 {one.p99_ms:,.0f} ms")
            found.append(one)
        for each in door.agreements(root / "agreements", asked.customers, door.AGREEMENTS):
            _say(f"{each.what}: median {each.median_ms:,.0f} ms, p99 {each.p99_ms:,.0f} ms, {each.cpu_ms:,.0f} CPU ms")
            agreed.append(each)
    text = f"{door.table_of(found)}\n\n{door.table_of_agreements(agreed)}"
    history.write_between_marks(asked.docs / "benchmark.md", "door", text)


def _documents(asked: argparse.Namespace) -> None:
    """PDFs of a month's invoices; see `documents`."""
    with tempfile.TemporaryDirectory(prefix="meterhouse-bench-") as scratch:
        found = documents.measured(asked.keep or Path(scratch), asked.customers, asked.seed)
    _say(f"{found.pdfs:,} PDFs: {found.cost.seconds:.1f} s, {found.cost.cpu_seconds:.1f} CPU s")
    history.write_between_marks(asked.docs / "benchmark.md", "documents", documents.table_of(found))


def _pages(asked: argparse.Namespace) -> None:
    """Pages for people; see `pages`."""
    found = []
    with tempfile.TemporaryDirectory(prefix="meterhouse-bench-") as scratch:
        folder = asked.keep or Path(scratch)
        for one in pages.measured(folder, asked.customers):
            _say(
                f"{one.page}: {one.median_ms:,.0f} ms, {one.worst_ms:,.0f} at worst, {one.cpu_ms:,.0f} of CPU, {one.kibibytes:,.0f} KiB"
            )
            found.append(one)
        table = pages.table_of(folder, asked.customers, found)
    history.write_between_marks(asked.docs / "benchmark.md", "pages", table)


_BY_THEMSELVES = {DOOR: _door, DOCUMENTS: _documents, PAGES: _pages}


def _history(asked: argparse.Namespace) -> None:
    """Nights with a history behind them; see `history`."""
    asked.docs.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="meterhouse-bench-") as scratch:
        root = asked.keep or Path(scratch)
        if asked.months:
            size = asked.events[0]
            title = f"{asked.months} months, {asked.customers:,} contracts, {size:,} new events a night"
            _report_history(
                asked, "months", title, history.nights_over_months(root / "months", asked.months, asked.customers, size)
            )
        if asked.landings:
            title = f"{asked.landings:,} landings, {asked.customers:,} contracts, {history.FEW} new events a night"
            _report_history(
                asked, "landings", title, history.nights_over_landings(root / "landings", asked.landings, asked.customers)
            )


def _report_history(asked: argparse.Namespace, unit: str, title: str, nights_of: Iterator[history.Night]) -> None:
    measured = []
    for night in nights_of:
        _say(f"{night.behind} {unit} behind: {night.cost.seconds:.1f} s, {night.cost.cpu_seconds:.1f} CPU s")
        measured.append(night)
    history.write_between_marks(asked.docs / "benchmark.md", unit, history.table_of(title, unit, measured))
    history.draw(title, unit, measured, asked.docs / "images" / f"history-{unit}.png")


def measure(folder: Path, month: Month, nights_asked: int, stages: list[str]) -> Measurements:
    """Everything asked for at one size. Raises `Disagreement` where our result is not the script's."""
    _say(f"{month.events:,} events: making them")
    events.write_month(folder, month)
    books = write_books(folder / "books", month.customers, month.seed)
    files = sorted(events.inbox(folder).iterdir())
    found = Measurements(
        events=month.events,
        lines=sum(file.read_bytes().count(b"\n") for file in files),
        inbox_bytes=sum(file.stat().st_size for file in files),
    )
    if "yardsticks" in stages:
        for name in YARDSTICKS:
            found.yardsticks[name] = _yardstick(name, folder, month)
    if "apart" in stages:
        _say(f"{month.events:,} events: a first night, taken apart")
        found.apart = _taken_apart(folder, books)
    if "nights" in stages:
        for name, cost in nights.run_nights(folder, books, month, nights_asked):
            _say(f"{month.events:,} events: {name}, {cost.seconds:.1f} s")
            found.nights[name] = cost
            found.agreed[name] = _agreed(name, folder, month)
    return found


def _yardstick(name: str, folder: Path, month: Month) -> Cost:
    cost = cost_of("tests.benchmarks.yardsticks", name, str(folder))
    _say(f"{month.events:,} events: {name}, {cost.seconds:.1f} s")
    return cost


def _agreed(night: str, folder: Path, month: Month) -> list[str]:
    """What equals the script's result on all that has arrived by now."""
    cost_of("tests.benchmarks.yardsticks", "script", str(folder))
    warehouse = nights.warehouse(folder)
    usage = agreement.usage_agrees(folder, warehouse)
    return [usage, agreement.amounts_agree(folder, warehouse)] if night == nights.FIRST else [usage]


def _taken_apart(folder: Path, books: Path) -> Stage:
    output = folder / "apart.json"
    command = nights.command(folder, books, folder / "warehouse-apart", nights.FIRST_NIGHT)
    cost_of("tests.benchmarks.taken_apart", str(output), *command)
    shutil.rmtree(folder / "warehouse-apart")
    return Stage.model_validate_json(output.read_text())


def _kernel(folder: Path, seed: int) -> KernelSpeed:
    """The kernel on one core, in a process of its own, because Polars reads how many it may use when it is imported."""
    command = [sys.executable, "-m", "tests.benchmarks.kernel", str(folder), str(KERNEL_CONTRACTS), str(seed)]
    subprocess.run(command, cwd=ROOT, env=os.environ | {"POLARS_MAX_THREADS": "1"}, check=True)
    return KernelSpeed.model_validate_json((folder / "kernel.json").read_text())


def _machine() -> Machine:
    cpuinfo = Path("/proc/cpuinfo")
    models = [line.partition(":")[2].strip() for line in cpuinfo.read_text().splitlines() if line.startswith("model name")]
    return Machine(
        processor=models[0] if models else platform.processor(),
        cores=os.cpu_count() or 1,
        memory_bytes=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        versions={"python": platform.python_version(), **{part: importlib.metadata.version(part) for part in PARTS}},
    )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--events", nargs="+", type=_count, default=[100_000, 1_000_000], help="sizes, such as 1e6")
    parser.add_argument("--customers", type=_count, default=20_000, help="customers, with a contract each")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--nights", type=int, default=2, help="nights that bring events; one that brings nothing follows")
    parser.add_argument(
        "--months", type=int, help="instead: one night a month for so many months; --events is what each brings"
    )
    parser.add_argument("--landings", type=int, help="instead: so many small landings, and nights measured among them")
    parser.add_argument("--features", action="store_true", help="instead: nights in which one meter in ten uses newer features")
    parser.add_argument("--keep", type=Path, help="leave inboxes, books, warehouses and results.json in this folder")
    stages = (*STAGES, DOOR, DOCUMENTS, PAGES)
    parser.add_argument("--stages", nargs="+", choices=stages, default=STAGES, help="what to measure")
    parser.add_argument("--docs", type=Path, default=ROOT / "docs", help="where the table and the picture go")
    return parser.parse_args()


def _count(text: str) -> int:
    return int(float(text))


def _say(what: str) -> None:
    print(f"{datetime.now(UTC):%H:%M:%S}  {what}", flush=True)  # noqa: T201 - a command of its own


if __name__ == "__main__":
    main()
