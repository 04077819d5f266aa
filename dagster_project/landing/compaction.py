"""Small landings put together, so that a thousand nights are not a thousand small files to open (law 8).

The rows of consecutive small landings become one Parquet file, each with the file, position and landing that it came with. What they
landed as keeps counting until `landings/compacted/<first>-<last>.json` appears by one rename, and stays for a day after that: somebody
may still be reading it. Compacted files are put together again in their turn.

What belongs here: which landings are put together, and when what they replace may go. What does not: who reads them (`manifest`).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Final

import polars as pl

from dagster_project.landing import raw_tables
from dagster_project.landing.manifest import Compaction, DataFile, Landing, commit_compaction, landings, stored
from dagster_project.landing.parquet_writer import ParquetWriter
from dagster_project.warehouse.files import sha256
from dagster_project.warehouse.paths import Warehouse
from rating.tables import Table

TOGETHER: Final = 32  # landings, or compacted files, that become one
SMALL_ROWS: Final = 100_000  # a landing with more is read well by itself


def compact(warehouse: Warehouse) -> None:
    """Put together what has become many; nothing where there are few."""
    while (run := _many_alike(stored(warehouse))) and _is_as_landed(warehouse, run):
        planned = Compaction(run[0].first, run[-1].last, level=1 + (_level(run[0]) or 0), as_of=landings(warehouse)[-1].as_of)
        events = [file for one in run for file in one.event_files]
        lines = [file for one in run for file in one.quarantine_files]
        written = replace(
            planned,
            event_files=_together(warehouse, warehouse.raw_events, planned.name, raw_tables.EVENTS, events),
            quarantine_files=_together(warehouse, warehouse.quarantine, planned.name, raw_tables.QUARANTINE, lines),
        )
        commit_compaction(warehouse, written)


def _is_as_landed(warehouse: Warehouse, run: Iterable[Landing | Compaction]) -> bool:
    """Whether their files are the bytes that landed: what is damaged must not come to look as if it were not."""
    files = [file for one in run for file in (*one.event_files, *one.quarantine_files)]
    return all((path := warehouse.root / file.path).exists() and file.sha256 in (None, sha256(path)) for file in files)


def _level(one: Landing | Compaction) -> int | None:
    """How often it was put together; None: it stays as it is."""
    if isinstance(one, Compaction):
        return one.level
    # lines that were released are told apart by the files that they landed in
    return None if one.is_release or max(one.events, one.quarantined) > SMALL_ROWS else 0


def _many_alike(segments: Iterable[Landing | Compaction]) -> list[Landing | Compaction]:
    """The first so many of one level that follow each other; none where there are too few."""
    for level, alike in itertools.groupby(segments, _level):
        run = list(alike)[:TOGETHER]
        if level is not None and len(run) == TOGETHER:
            return run
    return []


def _together(warehouse: Warehouse, folder: Path, name: str, table: Table, files: Iterable[DataFile]) -> tuple[DataFile, ...]:
    """The rows of files in their order, as files of one name."""
    parts = ParquetWriter(warehouse.root, folder / "compacted", name)
    for file in files:
        parts.add(table.frame(pl.read_parquet(warehouse.root / file.path)))
    parts.flush()
    return tuple(parts.written)
