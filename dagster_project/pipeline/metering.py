"""The models below the kernel on events at hand: usage as a night would have it, in memory and in a second (law 1).

dbt compiles and runs its models once, on no events, for what the meters ask for; the same SQL then runs on any events. What belongs
here: running it. What does not: the models (dbt/), and what is rated of their usage.
"""

from __future__ import annotations

import hashlib
import tempfile
import threading
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import polars as pl

from dagster_project.landing import raw_tables
from dagster_project.pipeline import steps
from dagster_project.pipeline.run import Run
from dagster_project.warehouse import contents, unmatched
from dagster_project.warehouse.database import connect, fetch, lay
from dagster_project.warehouse.dbt_runner import DbtHouse
from dagster_project.warehouse.paths import Warehouse
from rating import tables
from rating.books import Books
from rating.schedule import Schedule
from rating.tables import COUNT, TEXT, Column, Table

LONG_AGO = datetime(2000, 1, 1)  # noqa: DTZ001 - naive UTC
DISPOSITIONS = Table(
    "dispositions",
    "one event version and what became of it (R-12)",
    ("file", "position"),
    (
        Column("file", TEXT, "file of the event"),
        Column("position", COUNT, "its position there"),
        Column("disposition", TEXT, "metered, or why it is not"),
    ),
)


@dataclass(frozen=True, slots=True)
class Metered:
    """usage: USAGE. dispositions: DISPOSITIONS of every event."""

    usage: pl.DataFrame
    dispositions: pl.DataFrame


class Metering:
    """The models of some meters as SQL, in the order in which they rest on each other."""

    def __init__(self, books: Books) -> None:
        """books: of any contracts; only the meters matter."""
        with tempfile.TemporaryDirectory(prefix="meterhouse-") as folder:
            stage = Warehouse(Path(folder))
            run = Run(stage, stage.root, inbox="", as_of=LONG_AGO, land_new=False, books_read=books)
            steps.show_landed(run)
            steps.lay_books(run)
            steps.lay_schedule(run)
            self._models = DbtHouse(stage).compiled(steps.BELOW)
            self._database = stage.work_database.stem

    def of(self, books: Books, schedule: Schedule, events: pl.DataFrame) -> Metered:
        """What events come to under books whose meters are these. events: raw_tables.EVENTS; nothing is issued or closed."""
        sources = {
            "raw": {raw_tables.EVENTS.name: events, **{table.name: table.empty() for table in _NOTHING_RAW}},
            "books": {table.name: getattr(books, table.name) for table in tables.BOOKS_TABLES},
            "schedule": {
                tables.PERIODS.name: schedule.periods,
                tables.WINDOWS.name: schedule.windows,
                tables.CLOSED_PERIODS.name: tables.CLOSED_PERIODS.empty(),
                unmatched.CHANGES.name: unmatched.CHANGES.empty(),
            },
            "closed": {part.name: part.empty() for part in contents.PARTS},
        }
        with connect() as connection:
            connection.execute(f"attach ':memory:' as \"{self._database}\"")
            connection.execute(f'use "{self._database}"')
            for schema, frames in sources.items():
                connection.execute(f"create schema {schema}")
                for name, frame in frames.items():
                    lay(connection, f"{schema}.{name}", frame)
            for model in self._models:
                connection.execute(f"create schema if not exists {model.schema}")
                connection.execute(f"create {'view' if model.is_view else 'table'} {model.relation} as {model.sql}")
            usage = fetch(connection, f"select {', '.join(tables.USAGE.names)} from intermediate.int_usage")
            judged = fetch(connection, "select file, position, disposition from intermediate.int_event_dispositions")
        return Metered(tables.USAGE.frame(usage).sort(tables.USAGE.key), DISPOSITIONS.frame(judged))


_NOTHING_RAW = (raw_tables.QUARANTINE, raw_tables.WITHDRAWN)


_KNOWN: dict[str, Metering] = {}
_COMPILING = threading.Lock()  # dbt is one a process


def metering_of(books: Books) -> Metering:
    """The models for the meters of these books: compiled when they are first asked for, and kept until others are."""
    key = _fingerprint(books)
    with _COMPILING:
        if key not in _KNOWN:
            _KNOWN.clear()
            _KNOWN[key] = Metering(books)
        return _KNOWN[key]


def _fingerprint(books: Books) -> str:
    """What tells books apart whose models are not the same: their meters."""
    return hashlib.sha256(repr([books.meters.rows(), books.meter_filters.rows()]).encode()).hexdigest()
