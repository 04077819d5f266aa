"""Frames to Parquet parts, in order and in bounded memory; a part is on disk before anyone is told of it.

What belongs here: how rows become files. What does not: whether these files count (`batches`).
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import polars as pl

from dagster_project.landing.batches import DataFile
from dagster_project.warehouse import discard, sync

ROW_GROUP_ROWS: Final = 122_880  # what a DuckDB thread reads at a time
PART_ROWS: Final = 8 * ROW_GROUP_ROWS
PART_BYTES: Final = 1 << 28


class Parts:
    """Collects rows and writes them as `<batch>-<part>.parquet`, by day or all in one folder.

    Rows keep their order within a folder. The same rows, added alike, give the same bytes.
    """

    def __init__(self, root: Path, folder: Path, batch: int, day: str | None = None) -> None:
        """`day` names the date column whose value picks the sub-folder, which does not go into the file."""
        self.written: list[DataFile] = []
        self._root, self._folder, self._batch, self._day = root, folder, batch, day
        self._waiting: list[pl.DataFrame] = []

    def add(self, rows: pl.DataFrame) -> None:
        if rows.height:
            self._waiting.append(rows)
        if sum(frame.height for frame in self._waiting) >= PART_ROWS or _bytes(self._waiting) >= PART_BYTES:
            self.flush()

    def flush(self) -> None:
        """Write what waits."""
        waiting, self._waiting = self._waiting, []
        if not waiting:
            return
        rows = pl.concat(waiting)
        if self._day is None:
            self._write(rows, self._folder)
            return
        for (day,), of_day in rows.partition_by(self._day, maintain_order=True, as_dict=True, include_key=False).items():
            self._write(of_day, self._folder / f"{self._day}={day}")

    def back_to(self, count: int) -> None:
        """Drop what waits, and every part after the first `count`."""
        self._waiting = []
        for part in self.written[count:]:
            discard(self._root / part.path)
        del self.written[count:]

    def _write(self, rows: pl.DataFrame, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{self._batch:06d}-{len(self.written) + 1:04d}.parquet"
        rows.rechunk().write_parquet(path, compression="zstd", compression_level=1, row_group_size=ROW_GROUP_ROWS)
        sync(path)
        sync(folder)
        self.written.append(DataFile(path.relative_to(self._root).as_posix(), rows.height))


def _bytes(frames: list[pl.DataFrame]) -> float:
    return sum(frame.estimated_size() for frame in frames)
