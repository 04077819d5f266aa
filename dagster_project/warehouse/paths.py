"""Where everything of a warehouse lies, and the lock that one run holds.

What belongs here: paths. What does not: what any file means, and how it is written (`files.py`).
"""

from __future__ import annotations

import contextlib
import fcntl
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from dagster_project.errors import UserError

REGISTER = "register.db"


class WarehouseBusy(UserError):
    """Another run holds the warehouse (law 7: the second run says so and stops)."""


@dataclass(frozen=True, slots=True)
class Warehouse:
    """Typed paths under one root; see docs/architecture.md. Nothing is created before it is written."""

    root: Path

    # appended only
    @property
    def raw_events(self) -> Path:
        return self.root / "raw_events"

    @property
    def landings(self) -> Path:
        return self.root / "landings"

    @property
    def quarantine(self) -> Path:
        return self.root / "quarantine"

    @property
    def issued(self) -> Path:
        return self.root / "issued"

    @property
    def unmatched(self) -> Path:
        return self.root / "unmatched"

    @property
    def contents(self) -> Path:
        return self.root / "contents"

    @property
    def withdrawn(self) -> Path:
        return self.root / "withdrawn"

    @property
    def acknowledged(self) -> Path:
        return self.root / "acknowledged"

    # what finance reads
    @property
    def database(self) -> Path:
        return self.root / "meterhouse.duckdb"

    @property
    def data_docs(self) -> Path:
        return self.root / "data_docs"

    # disposable
    @property
    def derived(self) -> Path:
        return self.root / "derived"

    @property
    def work_database(self) -> Path:
        return self.derived / "work.duckdb"

    @property
    def spark(self) -> Path:
        """What Spark has built (`engines/spark_tables.py`)."""
        return self.derived / "spark"

    @property
    def staged_database(self) -> Path:
        """The marts of the run under way; becomes `database` by one rename."""
        return self.derived / "meterhouse.duckdb"

    @property
    def published_stamp(self) -> Path:
        """What `database` looked like when it was published."""
        return self.derived / "published.json"

    @property
    def gate(self) -> Path:
        """Which laws have been looked at and hold, of which run (`checks/gate.py`)."""
        return self.derived / "gate.json"

    @property
    def books(self) -> Path:
        return self.derived / "books"

    @property
    def schedule(self) -> Path:
        return self.derived / "schedule"

    @property
    def usage(self) -> Path:
        return self.derived / "usage"

    @property
    def documents(self) -> Path:
        return self.derived / "documents"

    @property
    def dimensions(self) -> Path:
        return self.derived / "dimensions"

    @property
    def attention(self) -> Path:
        return self.derived / "attention"

    @property
    def contents_index(self) -> Path:
        """Which record of `contents` each period is in last."""
        return self.derived / "contents"

    @property
    def closed_contents(self) -> Path:
        """The contents of closed periods, laid out."""
        return self.derived / "closed_contents"

    @property
    def pending(self) -> Path:
        """Draft adjustments of the last run, for the next."""
        return self.derived / "pending"

    @property
    def pending_before(self) -> Path:
        """Those of the run before it, while they are replaced."""
        return self.derived / "pending_before"

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the warehouse for one run. Raises `WarehouseBusy` at once if another run has it; the kernel of the
        operating system lets go when the process dies, however it dies."""
        self.root.mkdir(parents=True, exist_ok=True)
        with (self.root / ".lock").open("a+") as handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise WarehouseBusy(
                    f"{self.root}: another run is at work in this warehouse. Wait for it to end, then run again."
                ) from error
            yield
