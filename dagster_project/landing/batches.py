"""Committed landings: one manifest a batch, which appears by one rename once everything it names is on disk.

What belongs here: which files of the warehouse count. What does not: how they are written (`parts`).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from dagster_project.errors import UserError
from dagster_project.landing.findings import Finding, Remark
from dagster_project.warehouse.files import publish_atomically, remove, sha256
from dagster_project.warehouse.paths import Warehouse


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
    def warnings(self) -> tuple[str, ...]:
        """The sentences of the remarks."""
        return tuple(remark.sentence for remark in self.remarks)


def landings(warehouse: Warehouse, as_of: datetime | None = None) -> list[Landing]:
    """The committed batches in order, up to as_of (R-46)."""
    paths = sorted(warehouse.landings.glob("[0-9]*.json"))
    known = [_read(path) for path in paths]
    return [landing for landing in known if as_of is None or landing.as_of <= as_of]


def raw_files(warehouse: Warehouse, as_of: datetime | None = None) -> list[Path]:
    """The Parquet files of raw_events that a reader may see."""
    return [warehouse.root / file.path for landing in landings(warehouse, as_of) for file in landing.event_files]


def quarantine_files(warehouse: Warehouse, as_of: datetime | None = None) -> list[Path]:
    """The Parquet files of the quarantine that a reader may see."""
    return [warehouse.root / file.path for landing in landings(warehouse, as_of) for file in landing.quarantine_files]


def changed_files(warehouse: Warehouse, as_of: datetime | None = None) -> list[str]:
    """A sentence for every file of raw events and quarantine that is missing, or not the bytes that landed."""
    sentences = []
    for landed in landings(warehouse, as_of):
        for file in (*landed.event_files, *landed.quarantine_files):
            path = warehouse.root / file.path
            when = f"landing {landed.batch} ({landed.as_of:%Y-%m-%d})"
            if not path.exists():
                sentences.append(f"{path} is missing: it held {file.rows:,} rows of {when}.")
            elif file.sha256 is not None and sha256(path) != file.sha256:
                sentences.append(f"{path} is damaged: its SHA-256 is not what landed. It holds {file.rows:,} rows of {when}.")
    return sentences


def commit(warehouse: Warehouse, landing: Landing) -> None:
    """Make a batch count. Everything it names must be on disk."""
    place = warehouse.landings / f"{landing.batch:06d}.json"
    built = warehouse.landings / f".{place.name}.tmp"
    built.parent.mkdir(parents=True, exist_ok=True)
    content = asdict(landing) | {"as_of": landing.as_of.isoformat(timespec="microseconds")}
    built.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    publish_atomically(built, place)


def heal(warehouse: Warehouse, committed: Iterable[Landing]) -> None:
    """Remove what a landing that died has left: files that no committed batch names."""
    named = {warehouse.root / file.path for landing in committed for file in (*landing.event_files, *landing.quarantine_files)}
    for path in _written(warehouse):
        if path not in named:
            remove(path)
    for path in warehouse.landings.glob(".*.tmp"):
        remove(path)


def _written(warehouse: Warehouse) -> Iterator[Path]:
    yield from warehouse.raw_events.glob("*/*")
    yield from warehouse.quarantine.glob("*")


def _read(path: Path) -> Landing:
    try:
        return _from_json(json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise LandingDamaged(
            f"{path} is not as it was written. Put it back from a backup; until then nothing can be landed or issued."
        ) from error


def _from_json(content: dict[str, Any]) -> Landing:
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
