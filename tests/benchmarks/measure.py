"""Run a command as a process of its own, and say what it cost."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.results import Cost, Stage

ROOT = Path(__file__).resolve().parents[2]
# what `meterhouse` prints off a terminal: the seconds so far, then what it is about to do
PROGRESS = re.compile(r"\s*\d+\.\d s  (.+)")
STARTING = "Starting Python"
LANDING = "Landing"
TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")
KIBIBYTE = 1024
BETWEEN_LOOKS = 0.5  # seconds


class CommandFailed(Exception):
    """A command that was to be measured did not end well. Carries what it printed."""


@dataclass(frozen=True, slots=True)
class _Printed:
    """A line, and the wall and CPU seconds that the command had used by then."""

    seconds: float
    cpu_seconds: float
    line: str


def cost_of(*arguments: str) -> Cost:
    """Run `python -m …` and measure it. Raises `CommandFailed`."""
    command = [sys.executable, "-m", *arguments]
    start = time.monotonic()
    process = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    )
    assert process.stdout is not None
    with _peak_of(process.pid) as peak:
        printed = [_Printed(time.monotonic() - start, _cpu_seconds(process.pid), line.rstrip("\n")) for line in process.stdout]
        _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    end = _Printed(time.monotonic() - start, usage.ru_utime + usage.ru_stime, "")
    if process.returncode:
        said = "\n".join(one.line for one in printed)
        raise CommandFailed(f"{' '.join(command)} ended with {process.returncode}:\n{said}")
    return Cost(
        seconds=end.seconds,
        cpu_seconds=end.cpu_seconds,
        peak_bytes=peak[0],
        stages=_stages(printed, end),
    )


@contextlib.contextmanager
def _peak_of(session: int) -> Iterator[list[int]]:
    """The largest sum of high-water marks of the processes of a session, in a list of one, looked at twice a second.

    What `wait4` says is no use: it counts the memory of the process that started the command, and the largest child alone.
    """
    peak, ended = [0], threading.Event()

    def look() -> None:
        while not ended.wait(BETWEEN_LOOKS):
            peak[0] = max(peak[0], sum(map(_high_water_mark, _processes(session))))

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        yield peak
    finally:
        ended.set()
        watcher.join()


def _processes(session: int) -> Iterator[Path]:
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it may end while it is looked at
            if os.getsid(int(process.name)) == session:
                yield process


def _cpu_seconds(session: int) -> float:
    """What the processes of a session have used so far, with those of their children that have ended."""
    ticks = 0
    for process in _processes(session):
        with contextlib.suppress(OSError):
            # the name of the program is in brackets and may hold anything
            ticks += sum(map(int, (process / "stat").read_text().rpartition(")")[2].split()[11:15]))
    return ticks / TICKS_A_SECOND


def _high_water_mark(process: Path) -> int:
    with contextlib.suppress(OSError):
        for line in (process / "status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * KIBIBYTE
    return 0


def _stages(printed: Sequence[_Printed], end: _Printed) -> list[Stage]:
    """What happened between one line of progress and the next; all that is said of landing is one stage."""
    begun = [_Printed(0.0, 0.0, STARTING)]
    for one in printed:
        if progress := PROGRESS.fullmatch(one.line):
            name = LANDING if progress[1].startswith(LANDING) else progress[1]
            if name != begun[-1].line:
                begun.append(_Printed(one.seconds, one.cpu_seconds, name))
    return [
        Stage(name=one.line, seconds=after.seconds - one.seconds, cpu_seconds=after.cpu_seconds - one.cpu_seconds)
        for one, after in zip(begun, [*begun[1:], end], strict=True)
    ]
