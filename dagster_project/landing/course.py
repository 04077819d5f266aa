"""The course of a landing: from the inbox to one committed batch.

What belongs here: what comes after what, and what happens to a file that fails. What does not: any rule about a line.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

import duckdb
import polars as pl
import pyarrow as pa

from dagster_project.landing import numbers
from dagster_project.landing.ahead import one_ahead
from dagster_project.landing.batches import LandedFile, Landing, commit, heal, landings
from dagster_project.landing.cutting import cut
from dagster_project.landing.inbox import Inbox, InboxFile, Stamp
from dagster_project.landing.known import KnownContents, RememberedHashes
from dagster_project.landing.parts import Parts
from dagster_project.landing.queries import ready
from dagster_project.landing.reading import SPELLINGS, read_fields
from dagster_project.landing.rules import judge
from dagster_project.landing.tabular import UnreadableColumns, csv_lines, parquet_lines
from dagster_project.warehouse import Warehouse, connect

Progress = Callable[[str, int, int], None]

PIECE_BYTES: Final = 1 << 24  # 16 MiB of text are some 60,000 events; larger pieces cost memory and are not faster
_HASHED_BYTES: Final = 1 << 20
_PARQUET_GROWTH: Final = 8  # a Parquet file is about this much larger as text


class LandingRefused(Exception):
    """The landing cannot begin; the sentence says why."""


class LinesDoNotBalance(Exception):
    """A file's lines are not its events and its quarantined lines together (R-10): a fault of the program, never of a user."""


class _NotLanded(Exception):
    """A file is left for the next landing; the sentence says why."""


@dataclass(slots=True)
class _Arrival:
    """A file of this landing whose content is new, and what came of its lines."""

    name: str
    hash: str
    lines: int = 0
    events: int = 0
    quarantined: int = 0
    event_names: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class _Judged:
    """LINES, and what they turned out to be."""

    lines: pl.DataFrame
    events: pl.DataFrame
    rejected: pl.DataFrame


def land(
    inbox: str, warehouse: Warehouse, as_of: datetime, *, progress: Progress | None = None, piece_bytes: int = PIECE_BYTES
) -> Landing:
    """Land what is new in the inbox, once, as one batch (R-8 to R-11).

    In: a folder or an object-store URI; as_of, naive UTC, the time everything of this landing is received at; progress is called
    with a file's name, the stored bytes done and those of the whole inbox. piece_bytes bounds the memory.

    Out: the batch, committed. Where nothing is new a batch is committed only to record a later as_of; otherwise the last one's
    number comes back. Raises `LandingRefused` for an as_of before the last landing's (R-46). A file that cannot be read, or
    changes meanwhile, does not land at all: a warning names it, and the next landing tries again.
    """
    committed = landings(warehouse)
    last = committed[-1] if committed else None
    if last and as_of < last.as_of:
        raise LandingRefused(f"as_of {as_of} is before the last landing's, {last.as_of}: use that time or a later one")
    heal(warehouse, committed)
    batch = last.batch + 1 if last else 1
    landing = _Course(Inbox(inbox), warehouse, as_of, batch, KnownContents(committed), piece_bytes).run(
        progress or _no_progress
    )
    if last and not landing.files and as_of == last.as_of:
        return replace(landing, batch=last.batch)
    commit(warehouse, landing)
    return landing


def _no_progress(name: str, done: int, total: int) -> None:
    """Nobody asked."""


class _Course:
    """One landing under way."""

    def __init__(
        self, inbox: Inbox, warehouse: Warehouse, as_of: datetime, batch: int, known: KnownContents, piece_bytes: int
    ) -> None:
        self._inbox, self._as_of, self._batch, self._known, self._piece_bytes = inbox, as_of, batch, known, piece_bytes
        self._remembered = RememberedHashes(warehouse.derived / "landed_hashes.json")
        self._events = Parts(warehouse.root, warehouse.raw_events, batch, day="received_date")
        self._quarantine = Parts(warehouse.root, warehouse.quarantine, batch)
        self._arrivals: list[_Arrival] = []
        self._waiting: list[pl.DataFrame] = []  # lines of small files, until they are a piece together
        self._waiting_bytes = 0
        self._passed = 0

    def run(self, progress: Progress) -> Landing:
        files, warnings = self._inbox.files()
        total, done = sum(file.stored_bytes for file in files), 0
        with connect() as self._connection:
            ready(self._connection)
            numbers.define_macros(self._connection)
            self._cutting_connection = self._connection.cursor()  # lines are cut in a thread of their own
            for file in files:
                try:
                    warnings += self._land_if_new(file)
                except _NotLanded as reason:
                    warnings.append(f"{file.name} did not land and will be tried again by the next run: {reason}")
                done += file.stored_bytes
                progress(file.name, done, total)
            self._work_off_waiting()
        self._events.flush()
        self._quarantine.flush()
        self._remembered.keep()
        return self._landing(warnings)

    def _land_if_new(self, file: InboxFile) -> list[str]:
        """Land one file if its content is new; what is to be said about it."""
        with _failures_said():
            stamp = self._inbox.stamp(file)
            content_hash = self._remembered.hash_of(file, stamp)
            content = None
            if content_hash is None or content_hash not in self._known:
                content_hash, content = self._read_through(file)
                self._require_unchanged(file, stamp)
        self._remembered.remember(file, stamp, content_hash)
        if content_hash in self._known:
            self._passed += 1
            return []
        self._arrivals.append(_Arrival(file.name, content_hash))
        try:
            if content is not None:
                self._land_small(file, content)
            else:
                self._land_large(file, stamp)
        except _NotLanded:
            self._arrivals.pop()
            raise
        warning = self._known.add(file.name, content_hash)
        return [warning] if warning else []

    def _require_unchanged(self, file: InboxFile, stamp: Stamp) -> None:
        with _failures_said():
            if self._inbox.stamp(file) != stamp:
                raise _NotLanded("it changed while it was read")

    def _read_through(self, file: InboxFile) -> tuple[str, bytes | None]:
        """The hash of a file's bytes, and the bytes themselves where they are few."""
        few = self._piece_bytes // (_PARQUET_GROWTH if file.form == "parquet" else 1)
        content_hash, content = hashlib.sha256(), bytearray()
        for piece in self._inbox.pieces(file, _HASHED_BYTES):
            content_hash.update(piece)
            if len(content) <= few:
                content += piece
        return content_hash.hexdigest(), bytes(content) if len(content) <= few else None

    def _land_small(self, file: InboxFile, content: bytes) -> None:
        """Cut a file as a whole; its lines are worked off together with other files'."""
        self._waiting += list(_failing_aloud(self._lines(file, content)))
        self._waiting_bytes += len(content)
        if self._waiting_bytes >= self._piece_bytes:
            self._work_off_waiting()

    def _land_large(self, file: InboxFile, stamp: Stamp) -> None:
        """Work a file off in pieces, into parts of its own: if it fails on the way, they go."""
        self._work_off_waiting()
        self._events.flush()
        self._quarantine.flush()
        parts = len(self._events.written), len(self._quarantine.written)
        try:
            cut_lines = one_ahead(_failing_aloud(self._lines(file)))
            for judged in one_ahead(self._judged(lines) for lines in cut_lines):
                self._take(judged)
            self._require_unchanged(file, stamp)
        except _NotLanded:
            self._events.back_to(parts[0])
            self._quarantine.back_to(parts[1])
            raise

    def _lines(self, file: InboxFile, content: bytes | None = None) -> Iterator[pl.DataFrame]:
        number, inbox, connection = len(self._arrivals) - 1, self._inbox, self._cutting_connection
        if content is not None and not content.strip():
            return iter(())
        if file.form == "json":
            return cut(
                connection, number, lambda: iter((content,)) if content is not None else inbox.pieces(file, self._piece_bytes)
            )
        if file.form == "csv":
            return csv_lines(
                connection, number, lambda: pa.BufferReader(content) if content is not None else inbox.stream(file)
            )
        return parquet_lines(connection, number, pa.BufferReader(content) if content is not None else inbox.random_access(file))

    def _work_off_waiting(self) -> None:
        if self._waiting:
            self._take(self._judged(pl.concat(self._waiting)))
        self._waiting, self._waiting_bytes = [], 0

    def _judged(self, lines: pl.DataFrame) -> _Judged:
        fields, unreadable = read_fields(self._connection, lines)
        events, broken = judge(fields, self._as_of)
        return _Judged(lines, events, pl.concat([unreadable, broken]).sort("file", "position", "element"))

    def _take(self, judged: _Judged) -> None:
        """Count lines, events and what goes to quarantine, each by its own frame, and hand them on."""
        for number, count in judged.lines.group_by("file").len().iter_rows():
            self._arrivals[number].lines += count
        for number, name, count in judged.events.group_by("file", "event_name").len().iter_rows():
            self._arrivals[number].events += count
            self._arrivals[number].event_names[name] += count
        for number, count in judged.rejected.group_by("file").len().iter_rows():
            self._arrivals[number].quarantined += count
        self._events.add(self._as_raw_events(judged.events))
        self._quarantine.add(self._as_quarantine(judged.rejected))

    def _of_arrivals(self, number: pl.Series) -> tuple[pl.Series, pl.Series]:
        """The name and the hash of the file that each row is from."""
        names = pl.Series("file", [arrival.name for arrival in self._arrivals], dtype=pl.String)
        hashes = pl.Series("file_hash", [arrival.hash for arrival in self._arrivals], dtype=pl.String)
        return names.gather(number), hashes.gather(number)

    def _as_raw_events(self, events: pl.DataFrame) -> pl.DataFrame:
        file, file_hash = self._of_arrivals(events.get_column("file"))
        return events.select(
            *SPELLINGS,
            "timestamp",
            "tombstone",
            "properties",
            "received_at",
            file,
            file_hash,
            "position",
            "element",
            pl.lit(self._batch, dtype=pl.Int32).alias("batch"),
            pl.col("received_at").dt.date().alias("received_date"),
        )

    def _as_quarantine(self, rejected: pl.DataFrame) -> pl.DataFrame:
        file, file_hash = self._of_arrivals(rejected.get_column("file"))
        return rejected.select(
            file,
            "position",
            "element",
            pl.col("line").alias("raw"),
            pl.col("fault").alias("reason"),
            pl.lit(self._as_of, dtype=pl.Datetime("us")).alias("received_at"),
            file_hash,
            pl.lit(self._batch, dtype=pl.Int32).alias("batch"),
        )

    def _landing(self, warnings: list[str]) -> Landing:
        landing = Landing(
            batch=self._batch,
            as_of=self._as_of,
            files=tuple(LandedFile(a.name, a.hash, a.lines, a.events, a.quarantined) for a in self._arrivals),
            passed=self._passed,
            events=sum(arrival.events for arrival in self._arrivals),
            quarantined=sum(arrival.quarantined for arrival in self._arrivals),
            warnings=tuple(warnings),
            event_names=dict(sorted(sum((arrival.event_names for arrival in self._arrivals), Counter[str]()).items())),
            event_files=tuple(self._events.written),
            quarantine_files=tuple(self._quarantine.written),
        )
        _require_balance(landing)
        return landing


def _require_balance(landing: Landing) -> None:
    """Lines read = events landed + lines quarantined, file by file, and so many rows are on disk (R-10)."""
    for file in landing.files:
        if file.lines != file.events + file.quarantined:
            raise LinesDoNotBalance(f"{file.name}: {file.lines} lines, {file.events} events, {file.quarantined} quarantined")
    on_disk = sum(part.rows for part in landing.event_files), sum(part.rows for part in landing.quarantine_files)
    if on_disk != (landing.events, landing.quarantined):
        raise LinesDoNotBalance(f"{landing.events} events, {landing.quarantined} quarantined, but rows on disk are {on_disk}")


@contextlib.contextmanager
def _failures_said() -> Iterator[None]:
    """What reading a file can end in, as the sentence that its warning needs."""
    try:
        yield
    except (OSError, pa.ArrowException, duckdb.Error, UnreadableColumns) as failure:
        raise _NotLanded(str(failure).splitlines()[0]) from failure


def _failing_aloud(lines: Iterator[pl.DataFrame]) -> Iterator[pl.DataFrame]:
    with _failures_said():
        yield from lines
