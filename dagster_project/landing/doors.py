"""Doors that write into an inbox, as a run sees them: it asks those that live to close their segments, and closes those of the dead.

    <inbox>/api/.doors/<door>.lock    held by a door for as long as it lives
    <inbox>/api/.doors/<door>.close   a run asks it to close its segment; the door takes it away when that is done

What belongs here: who is alive, and what is left of others. What does not: writing segments (`api/segments.py`).
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from dagster_project.landing.segments import FOLDER
from dagster_project.warehouse.files import sync

OPEN: Final = ".part"
WAIT_SECONDS: Final = 2.0
_LOOK_SECONDS: Final = 0.02


def registry(inbox: Path) -> Path:
    return inbox / FOLDER / ".doors"


@contextlib.contextmanager
def alive(inbox: Path, door: str) -> Iterator[None]:
    """Be known as a living door; the kernel of the operating system forgets one that dies, however it dies."""
    folder = registry(inbox)
    folder.mkdir(parents=True, exist_ok=True)
    lock = folder / f"{door}.lock"
    with lock.open("a+") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        try:
            yield
        finally:
            lock.unlink(missing_ok=True)


def asked_to_close(inbox: Path, door: str) -> Path | None:
    """The request of a run that a door should close its segment, if there is one."""
    request = registry(inbox) / f"{door}.close"
    return request if request.exists() else None


def close_segments(location: str, *, wait_seconds: float = WAIT_SECONDS) -> None:
    """Have every segment closed that can be, so that this run lands it (R-59). Waits for living doors no longer than that."""
    if "://" in location or not (folder := registry(Path(location))).is_dir():
        return
    inbox, asked = Path(location), list[Path]()
    for lock in sorted(folder.glob("*.lock")):
        # whoever may only read the inbox lands what is closed already
        with contextlib.suppress(PermissionError):
            if _is_held(lock):
                request = lock.with_suffix(".close")
                request.touch()
                asked.append(request)
            else:
                bury(inbox, lock.stem)
    until = time.monotonic() + wait_seconds
    while any(request.exists() for request in asked) and time.monotonic() < until:
        time.sleep(_LOOK_SECONDS)
    for request in asked:  # a door that did not answer closes it by its age
        with contextlib.suppress(PermissionError):
            request.unlink(missing_ok=True)


def bury(inbox: Path, door: str) -> None:
    """Close what a dead door left open, as far as it is whole: a line that was cut short was never acknowledged."""
    for left in sorted((inbox / FOLDER).glob(f"*/*/*/*-{door}.ndjson{OPEN}")):
        finish(left)
    for kind in ("lock", "close"):
        (registry(inbox) / f"{door}.{kind}").unlink(missing_ok=True)


def finish(left: Path) -> None:
    """Give an open segment its name, without a line that was cut short; remove it where it holds none."""
    with left.open("rb+") as file:
        whole = _whole_bytes(file.fileno())
        file.truncate(whole)
        os.fsync(file.fileno())
    if whole:
        left.replace(left.with_name(left.name.removesuffix(OPEN)))
    else:
        left.unlink()
    sync(left.parent)


def _whole_bytes(descriptor: int) -> int:
    """How many bytes there are up to the last line end."""
    end = os.fstat(descriptor).st_size
    while end:
        start = max(0, end - (1 << 16))
        found = os.pread(descriptor, end - start, start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        end = start
    return 0


def _is_held(lock: Path) -> bool:
    try:
        with lock.open("a+") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except FileNotFoundError:
        return False
    return False
