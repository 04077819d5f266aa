"""One execution of the rating job: where it reads and writes, its one clock, and what it may do.

What belongs here: the inputs of a run, each read once. What does not: the steps (`steps.py`) and who calls them (Dagster).
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path

import polars as pl

from dagster_project.checks.expectations.client import ExpectationClient
from dagster_project.engines import LOCAL, Engine
from dagster_project.errors import UserError
from dagster_project.pipeline.guards import IssueLimit
from dagster_project.register.place import existing_register
from dagster_project.warehouse import issued
from dagster_project.warehouse.books_cache import recall
from dagster_project.warehouse.paths import Warehouse
from dagster_project.warehouse.recovery import shed_what_does_not_open
from rating import books
from rating.books import Books
from rating.documents import Documents
from rating.invoicing import adjustments
from rating.rate import EVERY_MONTH, Months
from rating.schedule import Schedule, build_schedule

Progress = Callable[[str], None]

READINGS = 3


def silent(_: str) -> None:
    """Tells nobody: the progress of a run that nobody watches."""


@dataclass(frozen=True)
class Run:
    """What a run is given.

    books_folder: contract data. inbox: folder or object-store prefix. as_of: naive UTC, the only clock.
    months: billing months to rate; None: the partitions that Dagster was launched for.
    issue: False posts and issues nothing (`--no-issue`).
    land_new: False leaves the inbox alone, for a past that is to be seen as it was known (R-46).
    books_read: the books, where another run of the same process has read them: one command reads one version.
    traces: folder for the trace of what nobody foresaw; derived/ where absent.
    limit: the most that it may issue (R-48); None: no bound.
    shards: into how many sets contracts are divided to be rated, side by side where there are cores.
    engine: what builds the models below the kernel, and rates the shards.
    register: where what is agreed by API lies (R-64); in the warehouse where absent.
    deals: makes the tables of deals for finance; without it there are none.
    """

    warehouse: Warehouse
    books_folder: Path
    inbox: str
    as_of: datetime
    months: Months | None = EVERY_MONTH
    issue: bool = True
    land_new: bool = True
    progress: Progress = silent
    books_read: books.Books | None = None
    traces: Path | None = None
    limit: IssueLimit | None = None
    shards: int = 1
    engine: Engine = LOCAL
    register: str | None = None
    deals: Callable[[Run], dict[str, pl.DataFrame]] | None = None

    @cached_property
    def books(self) -> books.Books:
        """The books. Raises `BooksError` with every problem (R-5), also those against what is already issued."""
        loaded = self.books_read or self._read()
        facts = issued.contract_facts(self.warehouse, self.as_of)
        problems = books.problems_against(loaded, self.issued, facts)
        if problems:
            raise books.BooksError(problems)
        return loaded

    def _read(self) -> Books:
        agreed = agreed_at(self.register or existing_register(self.warehouse), self.as_of, self.warehouse)
        return recall(self.warehouse, self.books_folder, agreed) or read_books(self.books_folder, agreed)

    @cached_property
    def schedule(self) -> Schedule:
        """The books laid out in time up to as_of, around what is issued."""
        return build_schedule(self.books, self.as_of, self.issued.invoices)

    @cached_property
    def issued(self) -> Documents:
        """Every document issued by runs up to as_of, before this run, without lines: these are read where they matter (law 8)."""
        return issued.read_headers(self.warehouse, self.as_of)

    @cached_property
    def open_months(self) -> list[str]:
        """Billing months of the run with periods that have begun and are not closed: those that it rates, first or again."""
        closed = adjustments.issued_periods(self.issued, self.books, self.as_of).filter("is_closed")
        begun = self.schedule.periods.filter(
            pl.col("period_start") <= self.as_of, (self.months or EVERY_MONTH).hold(pl.col("month"))
        )
        still_open = begun.join(closed, on=adjustments.PERIOD, how="anti")
        return still_open.get_column("month").unique().sort().to_list()

    @cached_property
    def examiner(self) -> ExpectationClient:
        """Great Expectations, for as long as this run is at work."""
        return ExpectationClient(self.warehouse)


def agreed_at(register: str | None, as_of: datetime, warehouse: Warehouse | None = None) -> books.Agreed:
    """What is agreed by API up to as_of (R-64), as `agreed_by` says it; nothing where there is no register."""
    if register is None:
        return books.NOTHING_AGREED
    # a database takes a moment to import, and most warehouses have none
    from dagster_project.register.folded import agreed_by

    return agreed_by(register, as_of, warehouse)


def read_books(folder: Path, agreed: books.Agreed = books.NOTHING_AGREED) -> books.Books:
    """The books as they lay there at one moment, with what is agreed beside them.

    Raises `BooksError`, and `UserError` for files that do not come to rest.
    """
    return reading_of(folder, agreed).books


def reading_of(folder: Path, agreed: books.Agreed = books.NOTHING_AGREED) -> books.Reading:
    """As `read_books`, with what was read."""
    for _ in range(READINGS):
        before = stamps(folder)
        try:
            found, problems = books.read(folder, agreed), None
        except books.BooksError as error:
            found, problems = None, error
        if stamps(folder) == before:
            if found is None:
                assert problems is not None
                raise problems
            return found
    raise UserError(
        f"{folder}: the books change while they are read. Nothing was issued; run again when their files are whole."
    )


def stamps(folder: Path) -> list[tuple[str, int, int, int]]:
    """What changes when a file of the folder does."""
    found = []
    for path in sorted(folder.rglob("*")):
        with contextlib.suppress(OSError):  # gone meanwhile: then it is missing the next time
            status = path.stat()
            found.append((str(path), status.st_size, status.st_mtime_ns, status.st_ino))
    return found


@contextlib.contextmanager
def exclusive_run(run: Run) -> Iterator[Run]:
    """Hold the warehouse for a run. Raises `WarehouseBusy` at once if another run has it."""
    with run.warehouse.locked(), contextlib.closing(run.examiner):
        shed_what_does_not_open(run.warehouse)
        yield run


def refuse_the_past(warehouse: Warehouse, as_of: datetime) -> None:
    """Raise `UserError` if a run with a later as_of has already landed or issued (R-46)."""
    latest = issued.latest_as_of(warehouse)
    if latest is not None and as_of < latest:
        raise UserError(
            f"as_of {as_of:%Y-%m-%dT%H:%M:%SZ} lies before the last run of {warehouse.root}, {latest:%Y-%m-%dT%H:%M:%SZ}. "
            "Give that instant or a later one; to look at the past as it was known then, add --dry-run."
        )
