"""Run a command as a process of its own, and say what it cost."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path

from tests.benchmarks.results import Cost, Stage

ROOT = Path(__file__).resolve().parents[2]
# what `meterhouse` prints off a terminal: the seconds so far, then what it is about to do
PROGRESS = re.compile(r"\s*\d+\.\d s  (.+)")
STARTING = "Starting"
KIBIBYTE = 1024


class CommandFailed(Exception):
    """A command that was to be measured did not end well. Carries what it printed."""


def cost_of(*arguments: str) -> Cost:
    """Run `python -m …` and measure it: its time by stage, the CPU seconds of it and its children, the largest of them in memory.

    Raises `CommandFailed`.
    """
    command = [sys.executable, "-m", *arguments]
    start = time.monotonic()
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, bufsize=1)
    assert process.stdout is not None
    printed = [(time.monotonic() - start, line.rstrip("\n")) for line in process.stdout]
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.monotonic() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise CommandFailed("\n".join([f"{' '.join(command)} ended with {process.returncode}:", *(line for _, line in printed)]))
    return Cost(
        seconds=seconds,
        cpu_seconds=usage.ru_utime + usage.ru_stime,
        peak_bytes=usage.ru_maxrss * KIBIBYTE,
        stages=_stages(printed, seconds),
    )


def _stages(printed: Iterable[tuple[float, str]], end: float) -> list[Stage]:
    """What happened between one line of progress and the next; what `land` says of each file is one stage."""
    said = [(0.0, STARTING)]
    for at, line in printed:
        progress = PROGRESS.fullmatch(line)
        if progress is None:
            continue
        name = "Landing" if progress[1].startswith("Landing") else progress[1]
        if name != said[-1][1]:
            said.append((at, name))
    ends = [at for at, _ in said[1:]] + [end]
    return [Stage(name=name, seconds=until - at) for (at, name), until in zip(said, ends, strict=True)]
