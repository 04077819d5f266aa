"""Segments as a door writes them: one open file, appended and forced to disk before anything is acknowledged (R-58, R-59)."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

from dagster_project import landing
from dagster_project.landing import doors
from dagster_project.landing.doors import OPEN
from dagster_project.landing.segments import FOLDER
from dagster_project.warehouse.files import sync
from dagster_project.warehouse.paths import Warehouse

LARGEST_BYTES = 256 << 20
LEAST_FREE_BYTES = 256 << 20


class StorageFailed(Exception):
    """What was to be kept could not be written; nothing of it is acknowledged."""


class Segments:
    """The segments of one door. Not thread-safe: one thread writes."""

    def __init__(self, inbox: Path, age_seconds: float) -> None:
        self.inbox, self._age_seconds = inbox, age_seconds
        self.door = secrets.token_hex(4)
        self._path: Path | None = None
        self._given_up: list[Path] = []
        self._descriptor = -1
        self._bytes = 0
        self._opened_at = 0.0

    @contextlib.contextmanager
    def kept(self) -> Iterator[None]:
        """Be a living door; closes what dead ones left at the beginning, and its own segment at the end."""
        doors.close_segments(str(self.inbox), wait_seconds=0)
        with doors.alive(self.inbox, self.door):
            try:
                yield
            finally:
                self.close()

    def append(self, lines: bytes, receipt: datetime) -> None:
        """Have lines on disk. Raises `StorageFailed` where that fails: then nothing of them is there either."""
        before = self._bytes
        try:
            if shutil.disk_usage(self.inbox).free < LEAST_FREE_BYTES:
                raise OSError("less than 256 MiB are free")
            if self._path is None:
                self._open(receipt)
                before = 0
            _write_all(self._descriptor, lines)
            os.fdatasync(self._descriptor)
            self._bytes += len(lines)
        except OSError as error:
            self._take_back(before)
            raise StorageFailed(str(error)) from error

    def keep_house(self) -> None:
        """Close the segment where a run asks for it, or where it is old or large."""
        request = doors.asked_to_close(self.inbox, self.door)
        is_old = time.monotonic() - self._opened_at >= self._age_seconds
        if request is not None or (self._path is not None and (is_old or self._bytes >= LARGEST_BYTES)):
            self.close()
        else:
            self._finish_given_up()
        if request is not None:
            request.unlink(missing_ok=True)

    def close(self) -> None:
        """Give the open segment its name, so that the next run lands it, and those that were given up. Raises `OSError`."""
        self._finish_given_up()
        if self._path is not None:
            path, self._path = self._path, None
            os.close(self._descriptor)
            self._given_up.append(path)
            self._finish_given_up()

    def _finish_given_up(self) -> None:
        while self._given_up:
            doors.finish(self._given_up[0])
            del self._given_up[0]

    def _open(self, receipt: datetime) -> None:
        folder = self.inbox / FOLDER / f"{receipt:%Y}" / f"{receipt:%m}" / f"{receipt:%d}"
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{receipt:%Y%m%dT%H%M%S.%fZ}-{self.door}.ndjson{OPEN}"
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o644)
        self._path, self._bytes, self._opened_at = path, 0, time.monotonic()
        sync(folder)

    def _take_back(self, length: int) -> None:
        """Leave no line that was not acknowledged as a whole; give the segment up where even that fails."""
        if self._path is None:
            return
        try:
            os.ftruncate(self._descriptor, length)
            os.fdatasync(self._descriptor)
        except OSError:
            with contextlib.suppress(OSError):
                os.close(self._descriptor)
            # it may hold what was acknowledged before
            self._given_up.append(self._path)
            self._path = None


def _write_all(descriptor: int, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[os.write(descriptor, view) :]


def remove_landed(inbox: Path, warehouse: Warehouse, now: datetime, keep: timedelta) -> None:
    """Remove segments that landed so long ago; the warehouse has what they held."""
    for landed in landing.landings(warehouse, now - keep):
        for file in landed.files:
            if file.name.startswith(f"{FOLDER}/"):
                (inbox / file.name).unlink(missing_ok=True)
