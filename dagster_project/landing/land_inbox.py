"""A landing, step by step: from the inbox to one committed batch.

What belongs here: what comes after what, and what happens to a file that fails. What does not: any rule about a line.
"""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

import duckdb
import polars as pl
import pyarrow as pa

from dagster_project.errors import UserError
from dagster_project.landing.background_writer import BackgroundWriter, InOrder, one_ahead
from dagster_project.landing.columns import UnreadableColumns
from dagster_project.landing.compaction import compact
from dagster_project.landing.event import SPELLINGS
from dagster_project.landing.files import PIECE_BYTES, Told, cuts_of
from dagster_project.landing.findings import FIELDS_KEPT, NOT_LANDED, SWALLOWED, UNREAD_FIELD, Finding, Remark, summed
from dagster_project.landing.inbox import Inbox, InboxFile, Stamp
from dagster_project.landing.known_files import KnownContents, RememberedHashes
from dagster_project.landing.macros import define_macros
from dagster_project.landing.manifest import LandedFile, Landing, Replacement, commit, heal, landings
from dagster_project.landing.parquet_writer import ParquetWriter
from dagster_project.landing.queries import ready
from dagster_project.landing.validation import Cut, Judge, Judged
from dagster_project.warehouse.database import connect
from dagster_project.warehouse.paths import Warehouse
from rating.books import Source

Progress = Callable[[str, int, int], None]

_JUDGING_THREADS: Final = 2  # while one makes columns in native code, another reads lines, which holds the interpreter
_PARQUET_GROWTH: Final = 8  # a Parquet file is about this much larger as text


class LandingRefused(UserError):
    """The landing cannot begin; the sentence says why."""


class LinesDoNotBalance(Exception):
    """A file's lines are not its events and its quarantined lines together (R-10): a fault of the program, never of a user."""


class _NotLanded(Exception):
    """A file is left for the next landing; the sentence says why."""


@dataclass(slots=True)
class _Read:
    """A file of the inbox, and what reading it has given so far."""

    number: int
    file: InboxFile
    stamp: Stamp = ()
    hash: str = ""
    cuts: list[Cut] | None = None  # of a small file; a large one is cut while it lands
    bytes: int = 0
    failure: _NotLanded | None = None


@dataclass(slots=True)
class _Arrival:
    """A file of this landing whose content is new, and what came of its lines."""

    name: str
    hash: str
    lines: int = 0
    events: int = 0
    quarantined: int = 0
    event_names: Counter[str] = field(default_factory=Counter)


def land(
    inbox: str,
    warehouse: Warehouse,
    as_of: datetime,
    *,
    zone: str = "UTC",
    sources: Sequence[Source] = (),
    progress: Progress | None = None,
    piece_bytes: int = PIECE_BYTES,
) -> Landing:
    """Land what is new in the inbox, once, as one batch (R-8 to R-11).

    In: a folder or an object-store URI; as_of, naive UTC, the time everything of this landing is received at; zone, whose days bare
    dates are; sources of the books, for foreign files (R-113); progress is called with a file's name, the stored bytes done and
    those of the whole inbox. piece_bytes bounds the memory.

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
    landing = _LandingRun(Inbox(inbox, sources), warehouse, as_of, batch, KnownContents(committed), piece_bytes, zone).run(
        progress or _no_progress
    )
    if last and not landing.files and not landing.replacements and as_of == last.as_of:
        return replace(landing, batch=last.batch)
    commit(warehouse, landing)
    compact(warehouse)
    return landing


def _replaces(file: InboxFile) -> bool:
    return file.source is not None and file.source.on_change == "replace"


def _no_progress(name: str, done: int, total: int) -> None:
    """Nobody asked."""


class _LandingRun:
    """One landing under way."""

    def __init__(
        self,
        inbox: Inbox,
        warehouse: Warehouse,
        as_of: datetime,
        batch: int,
        known: KnownContents,
        piece_bytes: int,
        zone: str,
    ) -> None:
        self._inbox, self._as_of, self._batch, self._known, self._piece_bytes = inbox, as_of, batch, known, piece_bytes
        self._zone = zone
        self._findings: list[pl.DataFrame] = []
        self._unread_columns: dict[int, list[str]] = {}
        self._remembered = RememberedHashes(warehouse.derived / "landed_hashes.json")
        self._events = ParquetWriter(warehouse.root, warehouse.raw_events, f"{batch:06d}", day="received_date")
        self._quarantine = ParquetWriter(warehouse.root, warehouse.quarantine, f"{batch:06d}")
        self._files: list[InboxFile] = []
        self._arrivals: dict[int, _Arrival] = {}  # by the number of the file in the inbox
        self._waiting: list[Cut] = []  # lines of small files, until they are a piece together
        self._waiting_bytes = 0
        self._looks: list[Remark] = []
        self._replacements: list[Replacement] = []
        self._passed = 0

    def run(self, progress: Progress) -> Landing:
        self._files, remarks = self._inbox.files()
        total, done = sum(file.stored_bytes for file in self._files), 0
        judging = InOrder(_JUDGING_THREADS, ahead=_JUDGING_THREADS)
        with connect() as connection, BackgroundWriter() as self._writing, judging as self._judging:
            ready(connection)
            define_macros(connection)
            self._judge = Judge(self._as_of, self._zone)
            self._reading_connection, self._cutting_connection = connection.cursor(), connection.cursor()  # for a thread each
            for read in one_ahead(map(self._read, range(len(self._files)))):
                try:
                    remarks += self._land_if_new(read)
                except _NotLanded as reason:
                    sentence = f"{read.file.name} did not land and will be tried again by the next run: {reason}"
                    remarks.append(Remark(NOT_LANDED, read.file.name, sentence))
                done += read.file.stored_bytes
                progress(read.file.name, done, total)
            self._work_off_waiting()
            self._write_all()
        self._remembered.keep()
        return self._landing([*remarks, *self._looks])

    def _read(self, number: int) -> _Read:
        """Read a file as far as that is needed to know whether its content is new, and if it is small to land it."""
        read = _Read(number, self._files[number])
        try:
            with _failures_said():
                read.stamp = self._inbox.stamp(read.file)
                read.hash = self._remembered.hash_of(read.file, read.stamp) or ""
                if read.hash not in self._known:
                    read.hash, content = self._read_through(read.file)
                    self._require_unchanged(read.file, read.stamp)
                    if content is not None and read.hash not in self._known:
                        read.cuts, read.bytes = list(self._cuts(self._reading_connection, read, content)), len(content)
        except _NotLanded as failure:
            read.failure = failure
        return read

    def _land_if_new(self, read: _Read) -> list[Remark]:
        """Land one file if its content is new; what is to be said about it."""
        if read.hash:
            self._remembered.remember(read.file, read.stamp, read.hash)
        if read.hash in self._known:
            self._passed += 1
            if _replaces(read.file) and self._known.has_landed(read.file.name, read.hash):
                # the file is again what it was before
                self._take_place(read)
            return []
        if read.failure:
            raise read.failure
        self._arrivals[read.number] = _Arrival(read.file.name, read.hash)
        try:
            if read.cuts is not None:
                self._land_small(read)
            else:
                self._land_large(read)
        except _NotLanded:
            del self._arrivals[read.number]
            raise
        if _replaces(read.file):
            self._take_place(read)
            return []
        remark = self._known.add(read.file.name, read.hash)
        return [remark] if remark else []

    def _take_place(self, read: _Read) -> None:
        """Note that a file's content takes the place of the others of its name, where it has had others."""
        if self._known.add(read.file.name, read.hash):
            self._replacements.append(Replacement(read.file.name, read.hash))

    def _require_unchanged(self, file: InboxFile, stamp: Stamp) -> None:
        with _failures_said():
            if self._inbox.stamp(file) != stamp:
                raise _NotLanded("it changed while it was read")

    def _read_through(self, file: InboxFile) -> tuple[str, bytes | None]:
        """The hash of a file's bytes, and the bytes themselves where they are few."""
        few = self._piece_bytes // (_PARQUET_GROWTH if file.form == "parquet" else 1)
        content_hash, pieces = hashlib.sha256(), list[bytes]()
        kept = 0
        for piece in self._inbox.pieces(file, self._piece_bytes):
            content_hash.update(piece)
            kept += len(piece)
            pieces = [*pieces, piece] if kept <= few else []
        return content_hash.hexdigest(), b"".join(pieces) if kept <= few else None

    def _land_small(self, read: _Read) -> None:
        """Leave the lines of a file to be worked off together with other files'."""
        self._waiting += read.cuts or []
        self._waiting_bytes += read.bytes
        if self._waiting_bytes >= self._piece_bytes:
            self._work_off_waiting()

    def _land_large(self, read: _Read) -> None:
        """Work a file off in pieces, into parts of its own: if it fails on the way, they go."""
        self._work_off_waiting()
        self._write_all()
        parts = len(self._events.written), len(self._quarantine.written)
        try:
            for cut in one_ahead(self._cuts(self._cutting_connection, read)):
                self._judging.do(self._judge.judged, [cut], then=self._take)
            self._judging.finish()
            self._require_unchanged(read.file, read.stamp)
        except _NotLanded:
            self._judging.finish()
            self._writing.finish()
            self._events.back_to(parts[0])
            self._quarantine.back_to(parts[1])
            raise

    def _cuts(self, connection: duckdb.DuckDBPyConnection, read: _Read, content: bytes | None = None) -> Iterator[Cut]:
        """What a file is cut into, from its content or piece by piece. Raises `_NotLanded` where it cannot be read."""
        inbox, file = self._inbox, read.file
        if content is not None and (not content or content.isspace()):
            return
        told = Told(
            lambda says: self._looks.append(Remark(SWALLOWED, file.name, f"{file.name}: {says}")),
            lambda names: self._note_unread(read.number, names),
        )
        with _failures_said():
            yield from cuts_of(
                connection,
                inbox,
                file,
                read.number,
                self._zone,
                self._as_of,
                content=content,
                piece_bytes=self._piece_bytes,
                told=told,
            )

    def _note_unread(self, number: int, columns: list[str]) -> None:
        self._unread_columns[number] = [name for name in columns if name.strip()][:FIELDS_KEPT]

    def _in_columns(self) -> Iterator[Finding]:
        """Columns that nobody reads, of files that brought events."""
        for number, names in self._unread_columns.items():
            arrival = self._arrivals.get(number)
            if arrival and arrival.events:
                yield from (Finding(arrival.name, UNREAD_FIELD, name, arrival.events, 1) for name in names)

    def _write_all(self) -> None:
        self._judging.finish()
        self._writing.finish()
        self._events.flush()
        self._quarantine.flush()

    def _work_off_waiting(self) -> None:
        if self._waiting:
            self._judging.do(self._judge.judged, self._waiting, then=self._take)
        self._waiting, self._waiting_bytes = [], 0

    def _take(self, judged: Judged) -> None:
        """Count lines, events and what goes to quarantine, each by its own frame, and hand them on."""
        for number, count in judged.lines.items():
            self._arrivals[number].lines += count
        for number, name, count in judged.events.group_by("file", "event_name").len().iter_rows():
            self._arrivals[number].events += count
            self._arrivals[number].event_names[name] += count
        for number, count in judged.rejected.group_by("file").len().iter_rows():
            self._arrivals[number].quarantined += count
        self._findings.append(judged.findings)
        self._writing.do(self._events.add, self._as_raw_events(judged.events))
        self._writing.do(self._quarantine.add, self._as_quarantine(judged.rejected))

    def _of_arrivals(self, number: pl.Series) -> tuple[pl.Series, pl.Series]:
        """The name and the hash of the file that each row is from."""
        names = pl.Series("file", [file.name for file in self._files], dtype=pl.String)
        hashes = pl.Series(
            "file_hash",
            [self._arrivals[n].hash if n in self._arrivals else None for n in range(len(self._files))],
            dtype=pl.String,
        )
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

    def _landing(self, remarks: list[Remark]) -> Landing:
        landing = Landing(
            batch=self._batch,
            as_of=self._as_of,
            files=tuple(LandedFile(a.name, a.hash, a.lines, a.events, a.quarantined) for a in self._arrivals.values()),
            passed=self._passed,
            events=sum(arrival.events for arrival in self._arrivals.values()),
            quarantined=sum(arrival.quarantined for arrival in self._arrivals.values()),
            remarks=tuple(remarks),
            event_names=dict(sorted(sum((arrival.event_names for arrival in self._arrivals.values()), Counter[str]()).items())),
            event_files=tuple(self._events.written),
            quarantine_files=tuple(self._quarantine.written),
            findings=tuple(
                Finding(self._arrivals[number].name, code, field, events, position)
                for number, code, field, events, position in summed(self._findings).iter_rows()
                if number in self._arrivals
            )
            + tuple(self._in_columns()),
            replacements=tuple(self._replacements),
        )
        _require_balance(landing)
        return landing


_OURS: Final = {
    "straddling object": "one of its rows is longer than 8 MiB, and so no event; is a quote closed too late?",
    "ZSTD decompress failed: Unknown frame": "its name says Zstandard, and it is none; compress it, or name it as what it is",
    "Parquet magic bytes not found": "its name says Parquet, and it is none, or it is cut short; write it again",
    "too small to be a Parquet file": "its name says Parquet, and it is none, or it is cut short; write it again",
}


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
    except UnreadableColumns as failure:
        raise _NotLanded(str(failure)) from failure
    except gzip.BadGzipFile as failure:
        raise _NotLanded("its name says gzip, and it is none; compress it, or name it as what it is") from failure
    except (OSError, EOFError, zlib.error, UnicodeError, pa.ArrowException, duckdb.Error) as failure:
        said = (str(failure).splitlines() or [type(failure).__name__])[0]
        raise _NotLanded(next((ours for theirs, ours in _OURS.items() if theirs in said), said)) from failure
