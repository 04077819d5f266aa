"""What may befall a run from inside: death before or after a named function or any one change of the warehouse, errors, other books.

`befall(way, …)` is called in the process of the run, before it begins.
"""

from __future__ import annotations

import errno
import importlib
import os
import resource
import signal
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
CHANGES = ("os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate", "os.link", "os.symlink")


def befall(way: str, *details: Any) -> None:
    """Prepare what is to happen: one of WAYS, with its details."""
    WAYS[way](*details)


def die() -> None:
    """As kill -9 does it: nothing is tidied up."""
    os.kill(os.getpid(), signal.SIGKILL)


# --- around a function -------------------------------------------------------------------------------------------------------


def _around(name: str, before: Callable[[], object], after: Callable[[], object], call: int = 1) -> None:
    """Wrap a function, `module:function` or `module:Class.method`: before and after its n-th call."""
    module, _, path = name.partition(":")
    owner: Any = importlib.import_module(module)
    *parents, attribute = path.split(".")
    for parent in parents:
        owner = getattr(owner, parent)
    function = getattr(owner, attribute)
    calls = 0

    def wrapped(*args: Any, **kwargs: Any) -> Any:
        nonlocal calls
        calls += 1
        is_the_one = calls == call
        if is_the_one:
            before()
        result = function(*args, **kwargs)
        if is_the_one:
            after()
        return result

    setattr(owner, attribute, wrapped)


def nothing() -> None:
    pass


def killed_before(name: str, call: int = 1) -> None:
    _around(name, die, nothing, call)


def killed_after(name: str, call: int = 1) -> None:
    _around(name, nothing, die, call)


def failing_in(name: str, says: str) -> None:
    """An error that nobody foresaw."""

    def fail() -> None:
        raise RuntimeError(says)

    _around(name, fail, nothing)


def waiting_in(name: str, for_file: str) -> None:
    """A run that takes long: it goes on when the file is there. It leaves a file of that name with `.waits` meanwhile."""

    def wait() -> None:
        Path(f"{for_file}.waits").touch()
        while not Path(for_file).exists():
            time.sleep(0.02)

    _around(name, wait, nothing)


def interrupted_in(name: str, number: int = signal.SIGINT) -> None:
    """Ctrl-C at the terminal, or another signal: to every process of the session."""
    _around(name, lambda: os.killpg(os.getpgid(0), number), nothing)


def changed_after(name: str, file: str, content: str) -> None:
    """Somebody writes a file."""
    _around(name, nothing, lambda: Path(file).write_text(content))


def changed_always_after(name: str, file: str) -> None:
    """Somebody writes a file again and again."""
    for call in range(1, 10):
        _around(name, nothing, partial(Path(file).write_text, "#" * call), call)


# --- at any change of the warehouse ------------------------------------------------------------------------------------------


def _at_changes(warehouse: str, act: Callable[[int, str], object]) -> None:
    """Call `act` before each change that Python makes under the warehouse, with its number, from 1, and what it is."""
    root = os.path.abspath(warehouse)  # noqa: PTH100 - pathlib would set the hook off again
    number = 0

    def hook(event: str, args: tuple[Any, ...]) -> None:
        nonlocal number
        if event == "open":
            if not isinstance(args[0], str) or not (args[2] or 0) & WRITES:
                return
        elif event not in CHANGES:
            return
        place = os.fsdecode(args[1 if event == "os.rename" else 0])
        if event in ("os.remove", "os.rmdir") and args[1] != -1:
            # shutil.rmtree names files relative to a folder that it holds open
            place = os.path.join(os.readlink(f"/proc/self/fd/{args[1]}"), place)  # noqa: PTH115, PTH118
        place = os.path.abspath(place)  # noqa: PTH100
        if place.startswith(root):
            number += 1
            act(number, f"{event.removeprefix('os.')} {place[len(root) + 1 :]}")

    sys.addaudithook(hook)


def recorded(warehouse: str, record: str) -> None:
    """Write every change down, one a line."""
    descriptor = os.open(record, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    _at_changes(warehouse, lambda _, change: os.write(descriptor, f"{change}\n".encode()))


def killed_at_change(warehouse: str, number: int) -> None:
    """Death just before the n-th change, so just after the one before it."""
    _at_changes(warehouse, lambda now, _: die() if now == number else None)


def full_disk_at_change(warehouse: str, number: int) -> None:
    """From the n-th change on nothing but removing works."""

    def refuse(now: int, change: str) -> None:
        if now >= number and not change.startswith(("remove", "rmdir")):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), change.partition(" ")[2])

    _at_changes(warehouse, refuse)


def small_files_only(most_bytes: int) -> None:
    """No file may grow beyond so many bytes: what every writer, DuckDB and Arrow too, runs into where a disk is full."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, resource.RLIM_INFINITY))


WAYS: dict[str, Callable[..., None]] = {
    way.__name__: way
    for way in (
        killed_before,
        killed_after,
        failing_in,
        waiting_in,
        interrupted_in,
        changed_after,
        changed_always_after,
        recorded,
        killed_at_change,
        full_disk_at_change,
        small_files_only,
    )
}
