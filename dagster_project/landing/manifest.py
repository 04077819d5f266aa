"""Committed landings: one manifest a batch, which appears by one rename once everything it names is on disk; and compactions of them.

What belongs here: which files of the warehouse count. What does not: how they are written (`parquet_writer`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

from dagster_project.errors import UserError
from dagster_project.landing.findings import Finding, Remark
from dagster_project.warehouse.files import remove, sha256, write_atomically
from dagster_project.warehouse.paths import Warehouse

KEPT = timedelta(days=1)  # of nights: what a compaction replaces may still be read by whoever began before


class LandingDamaged(UserError):
    """What says which files of the warehouse count can no longer be read; the sentence says which and what to do."""


@dataclass(frozen=True, slots=True)
class LandedFile:
    """One file as it landed: lines = events + quarantined."""

    name: str
    hash: str
    lines: int
    events: int
    quarantined: int


@dataclass(frozen=True, slots=True)
class DataFile:
    """One Parquet file of a batch, its path relative to the warehouse; landings before there were hashes have no `sha256`."""

    path: str
    rows: int
    sha256: str | None = None


@dataclass(frozen=True, slots=True)
class Replacement:
    """From this landing on a name holds one content, and what else has landed under it counts no more (R-113, `on_change: replace`)."""

    name: str
    hash: str


@dataclass(frozen=True, slots=True)
class Landing:
    """What one landing did. `passed` counts files that an earlier one had already landed."""

    batch: int
    as_of: datetime
    files: tuple[LandedFile, ...] = ()
    passed: int = 0
    events: int = 0
    quarantined: int = 0
    remarks: tuple[Remark, ...] = ()
    event_names: dict[str, int] = field(default_factory=dict)
    event_files: tuple[DataFile, ...] = ()
    quarantine_files: tuple[DataFile, ...] = ()
    findings: tuple[Finding, ...] = ()
    replacements: tuple[Replacement, ...] = ()
    is_release: bool = False  # of lines that an earlier landing had quarantined

    @property
    def first(self) -> int:
        """The landing itself: what holds its rows alone, beside compactions."""
        return self.batch

    @property
    def last(self) -> int:
        return self.batch

    @property
    def warnings(self) -> tuple[str, ...]:
        """The sentences of the remarks."""
        return tuple(remark.sentence for remark in self.remarks)


@dataclass(frozen=True, slots=True)
class Compaction:
    """The rows of consecutive landings in one file: from `first` to `last`. level: how often that file was put together."""

    first: int
    last: int
    level: int
    as_of: datetime  # of the last landing when it was written
    event_files: tuple[DataFile, ...] = ()
    quarantine_files: tuple[DataFile, ...] = ()

    @property
    def name(self) -> str:
        return f"{self.first:06d}-{self.last:06d}"

    def covers(self, other: Landing | Compaction) -> bool:
        """Whether it replaces a landing, or another compaction."""
        return self.first <= other.first and other.last <= self.last and self != other


Record = TypeVar("Record", Landing, Compaction)


def landings(warehouse: Warehouse, as_of: datetime | None = None) -> list[Landing]:
    """The committed batches in order, up to as_of (R-46)."""
    known = [_landing(path, path.stat().st_mtime_ns) for path in sorted(warehouse.landings.glob("[0-9]*.json"))]
    return [landing for landing in known if as_of is None or landing.as_of <= as_of]


def last_batch(warehouse: Warehouse, as_of: datetime) -> int:
    """The number of the last landing up to as_of; 0 before the first."""
    return max((landing.batch for landing in landings(warehouse, as_of)), default=0)


def compactions(warehouse: Warehouse) -> list[Compaction]:
    """Every compaction, also those that a wider one has replaced since."""
    paths = sorted(_compacted(warehouse).glob("[0-9]*.json"))
    return [_compaction(path, path.stat().st_mtime_ns) for path in paths]


def in_force(known: Sequence[Compaction]) -> list[Compaction]:
    """Compactions that no wider one has replaced."""
    return [one for one in known if not any(other.covers(one) for other in known)]


def stored(warehouse: Warehouse, as_of: datetime | None = None) -> list[Landing | Compaction]:
    """What holds the rows of landings up to as_of, in order: landings, or the compactions that stand for them. A compaction may
    hold later landings, too."""
    known, widest = landings(warehouse, as_of), in_force(compactions(warehouse))
    alone = [landing for landing in known if not any(one.covers(landing) for one in widest)]
    asked = [one for one in widest if any(one.covers(landing) for landing in known)]
    return sorted([*alone, *asked], key=lambda one: one.first)


def raw_files(warehouse: Warehouse, as_of: datetime | None = None) -> list[Path]:
    """The Parquet files that hold the events of landings up to as_of; those of later ones, too, where they were compacted with them."""
    return [warehouse.root / file.path for one in stored(warehouse, as_of) for file in one.event_files]


def quarantine_files(warehouse: Warehouse, as_of: datetime | None = None) -> list[Path]:
    """The Parquet files that hold the quarantine of landings up to as_of, as `raw_files` those of events."""
    return [warehouse.root / file.path for one in stored(warehouse, as_of) for file in one.quarantine_files]


def described(one: Landing | Compaction) -> str:
    """Which landings a file is of, for a sentence."""
    return f"landing {one.batch}" if isinstance(one, Landing) else f"landings {one.first} to {one.last}"


def changed_files(warehouse: Warehouse, as_of: datetime | None = None) -> list[str]:
    """A sentence for every file of raw events and quarantine that is missing, or not the bytes that landed."""
    sentences = []
    for one in stored(warehouse, as_of):
        for file in (*one.event_files, *one.quarantine_files):
            path = warehouse.root / file.path
            when = f"{described(one)} ({one.as_of:%Y-%m-%d})"
            if not path.exists():
                sentences.append(f"{path} is missing: it held {file.rows:,} rows of {when}.")
            elif file.sha256 is not None and sha256(path) != file.sha256:
                sentences.append(f"{path} is damaged: its SHA-256 is not what landed. It holds {file.rows:,} rows of {when}.")
    return sentences


def commit(warehouse: Warehouse, landing: Landing) -> None:
    """Make a batch count. Everything it names must be on disk."""
    _commit(warehouse.landings / f"{landing.batch:06d}.json", landing)


def commit_compaction(warehouse: Warehouse, compaction: Compaction) -> None:
    """Make a compaction stand for its landings. Everything it names must be on disk."""
    _commit(_compacted(warehouse) / f"{compaction.name}.json", compaction)


def _commit(place: Path, record: Landing | Compaction) -> None:
    content = asdict(record) | {"as_of": record.as_of.isoformat(timespec="microseconds")}
    write_atomically(place, (json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode())


def heal(warehouse: Warehouse, committed: Sequence[Landing]) -> None:
    """Remove what a landing that died has left, files that nothing committed names, and what a compaction replaced long enough ago."""
    known = compactions(warehouse)
    now = committed[-1].as_of if committed else None
    replacing = [one for one in known if now is not None and now - one.as_of >= KEPT]
    every: list[Landing | Compaction] = [*committed, *known]
    read = [one for one in every if not any(other.covers(one) for other in replacing)]
    named = {warehouse.root / file.path for one in read for file in (*one.event_files, *one.quarantine_files)}
    for path in _written(warehouse):
        if path not in named:
            remove(path)
    for one in known:
        if one not in read:
            remove(_compacted(warehouse) / f"{one.name}.json")
    for path in (*warehouse.landings.glob(".*.tmp"), *_compacted(warehouse).glob(".*.tmp")):
        remove(path)


def _written(warehouse: Warehouse) -> Iterator[Path]:
    yield from warehouse.raw_events.glob("*/*")
    yield from (path for path in warehouse.quarantine.rglob("*") if path.is_file())


def _compacted(warehouse: Warehouse) -> Path:
    return warehouse.landings / "compacted"


# what is committed is written once, and so is read once a process


@lru_cache(maxsize=100_000)
def _landing(path: Path, _written_ns: int) -> Landing:
    return _read(path, _landing_of)


@lru_cache(maxsize=10_000)
def _compaction(path: Path, _written_ns: int) -> Compaction:
    return _read(path, _compaction_of)


def _read(path: Path, record_of: Callable[[dict[str, Any]], Record]) -> Record:
    """What a record says. Raises `LandingDamaged` where it is not as it was written."""
    try:
        return record_of(json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise LandingDamaged(
            f"{path} is not as it was written. Put it back from a backup; until then nothing can be landed or issued."
        ) from error


def _compaction_of(content: dict[str, Any]) -> Compaction:
    return Compaction(
        **content
        | {
            "as_of": datetime.fromisoformat(content["as_of"]),
            "event_files": tuple(DataFile(**file) for file in content["event_files"]),
            "quarantine_files": tuple(DataFile(**file) for file in content["quarantine_files"]),
        }
    )


def _landing_of(content: dict[str, Any]) -> Landing:
    # landings before there were remarks have sentences alone
    told = {name: value for name, value in content.items() if name != "warnings"}
    return Landing(
        **told
        | {
            "as_of": datetime.fromisoformat(content["as_of"]),
            "files": tuple(LandedFile(**file) for file in content["files"]),
            "remarks": tuple(Remark(**remark) for remark in content.get("remarks", [])),
            "event_files": tuple(DataFile(**file) for file in content["event_files"]),
            "quarantine_files": tuple(DataFile(**file) for file in content["quarantine_files"]),
            "replacements": tuple(Replacement(**one) for one in content.get("replacements", [])),
            "findings": tuple(Finding(**found) for found in content.get("findings", [])),
        }
    )
