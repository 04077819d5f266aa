"""Frames to Parquet parts, in order and in bounded memory; a part is on disk before anyone is told of it.

What belongs here: how rows become files. What does not: whether these files count (`manifest`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import polars as pl
import pyarrow.parquet

from dagster_project.landing.manifest import DataFile
from dagster_project.warehouse.files import remove, sha256, sync

ROW_GROUP_ROWS: Final = 122_880  # what a DuckDB thread reads at a time; rows wait until they are that many
PART_ROWS: Final = 8 * ROW_GROUP_ROWS
OPEN_PARTS_MAX: Final = 64  # days that are written side by side, when a file brings events of many
UNALIKE: Final = ("idempotency_key", "properties", "raw", "timestamp", "position")  # columns whose values hardly repeat

NUMBERED: Final = frozenset({"timestamp", "position"})  # columns whose values grow slowly
ORDERED: Final = ("timestamp", "received_at", "position", "batch")  # columns that readers may ask for a range of


@dataclass(slots=True)
class _Part:
    path: Path
    writer: pyarrow.parquet.ParquetWriter
    rows: int = 0
    sha256: str | None = None


class ParquetWriter:
    """Collects rows and writes them as `<name>-<part>.parquet`, by day or all in one folder.

    Rows keep their order within a folder. The same rows, added alike, give the same bytes.
    """

    def __init__(self, root: Path, folder: Path, name: str, day: str | None = None) -> None:
        """`day` names the date column whose value picks the sub-folder, which does not go into the file."""
        self._root, self._folder, self._name, self._day = root, folder, name, day
        self._parts: list[_Part] = []
        self._open: dict[Path, _Part] = {}
        self._waiting: dict[Path, list[pl.DataFrame]] = defaultdict(list)

    @property
    def written(self) -> list[DataFile]:
        return [DataFile(part.path.relative_to(self._root).as_posix(), part.rows, part.sha256) for part in self._parts]

    def add(self, rows: pl.DataFrame) -> None:
        for folder, of_folder in self._by_folder(rows):
            self._waiting[folder].append(of_folder)
            if sum(frame.height for frame in self._waiting[folder]) >= ROW_GROUP_ROWS:
                self._write(folder)
        if max(len(self._waiting), len(self._open)) > OPEN_PARTS_MAX:
            self.flush()

    def flush(self) -> None:
        """Write what waits, and finish every part."""
        for folder in list(self._waiting):
            self._write(folder)
        for folder in list(self._open):
            self._finish(folder)

    def back_to(self, count: int) -> None:
        """Drop what waits, and every part after the first `count`."""
        self._waiting.clear()
        for part in self._open.values():
            part.writer.close()
        self._open.clear()
        for part in self._parts[count:]:
            remove(part.path)
        del self._parts[count:]

    def _by_folder(self, rows: pl.DataFrame) -> Iterator[tuple[Path, pl.DataFrame]]:
        if rows.is_empty():
            return
        if self._day is None:
            yield self._folder, rows
            return
        for (day,), of_day in rows.partition_by(self._day, maintain_order=True, as_dict=True, include_key=False).items():
            yield self._folder / f"{self._day}={day}", of_day

    def _write(self, folder: Path) -> None:
        rows = pl.concat(self._waiting.pop(folder)).to_arrow(compat_level=pl.CompatLevel.newest())
        part = self._open.get(folder) or self._begun(folder, rows.schema)
        part.writer.write_table(rows, row_group_size=rows.num_rows)
        part.rows += rows.num_rows
        if part.rows >= PART_ROWS:
            self._finish(folder)

    def _begun(self, folder: Path, schema: pyarrow.Schema) -> _Part:
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{self._name}-{len(self._parts) + 1:04d}.parquet"
        writer = pyarrow.parquet.ParquetWriter(
            path,
            schema,
            compression="zstd",
            compression_level=1,
            use_dictionary=[name for name in schema.names if name not in UNALIKE],
            column_encoding=dict.fromkeys(NUMBERED.intersection(schema.names), "BYTE_STREAM_SPLIT"),
            write_statistics=[name for name in schema.names if name in ORDERED],
            store_schema=False,
        )
        self._open[folder] = part = _Part(path, writer)
        self._parts.append(part)
        return part

    def _finish(self, folder: Path) -> None:
        part = self._open.pop(folder)
        part.writer.close()
        part.sha256 = sha256(part.path)
        sync(part.path)
        sync(folder)
        sync(folder.parent)
