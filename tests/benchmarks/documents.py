"""Invoices as PDFs: `python -m tests.benchmarks --stages documents`. Bills a month of so many customers, then writes a PDF of every
period invoice with `meterhouse documents`, on all cores.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks import events, nights
from tests.benchmarks.books import write_books
from tests.benchmarks.events import Month
from tests.benchmarks.measure import cost_of
from tests.benchmarks.results import Cost

PERIOD = "2026-01"
EVENTS_A_CUSTOMER = 10
MEBIBYTE = 1 << 20


@dataclass(frozen=True, slots=True)
class Written:
    """What writing so many PDFs cost, the start of the command and of its processes included."""

    pdfs: int
    cost: Cost


def measured(folder: Path, customers: int, seed: int) -> Written:
    """The PDFs of one month."""
    month = Month(customers * EVENTS_A_CUSTOMER, customers, seed)
    events.write_month(folder, month)
    books = write_books(folder / "books", customers, seed)
    cost_of("dagster_project", *nights.command(folder, books, nights.warehouse(folder), nights.FIRST_NIGHT))
    out = folder / "documents"
    place = ["--warehouse", str(nights.warehouse(folder)), "--out", str(out)]
    cost = cost_of("dagster_project", "documents", "--period", PERIOD, *place)
    return Written(sum(1 for _ in out.glob("*.pdf")), cost)


def table_of(found: Written) -> str:
    """The figures as markdown."""
    head = "| PDFs | wall s | CPU s | a second | a CPU second | peak MiB |\n|---:|---:|---:|---:|---:|---:|"
    cost = found.cost
    return (
        f"{head}\n| {found.pdfs:,} | {cost.seconds:.1f} | {cost.cpu_seconds:.1f} | {found.pdfs / cost.seconds:.0f} "
        f"| {found.pdfs / cost.cpu_seconds:.0f} | {cost.peak_bytes / MEBIBYTE:,.0f} |"
    )
