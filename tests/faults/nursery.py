"""Where runs are born: a process that has imported everything forks a child for each run, so that a run costs its own work only.

    {"argv": ["run", …], "fault": ["way", …] or null, "output": "<file>"}   ->  {"pid": 123}, the leader of a session of its own
    {"wait": 123}                                                           ->  {"code": 0}, the exit code; below 0: the signal

A child is what `python -m dagster_project …` is once its imports are done.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).parents[2]
IMPORTED = (
    "dagster_project.cli.run",
    "dagster_project.cli.check",
    "dagster_project.cli.explain",
    "dagster_project.cli.reconcile",
    "dagster_project.cli.verify",
    "dagster_project.definitions",
    "tests.examination",
    # what a run imports on its way
    "alembic.command",
    "dagster._daemon.asset_daemon",
    "dbt.adapters.duckdb.connections",
    "dbt.cli.main",
    "dbt.task.build",
    "polars._utils.parquet",
    "pyarrow.compute",
    "sqlalchemy",
)


class Ended:
    """How a run ended: its exit code (below 0: the signal that killed it) and all it said."""

    def __init__(self, code: int, said: str) -> None:
        self.code, self.said = code, said

    @property
    def was_killed(self) -> bool:
        return self.code == -signal.SIGKILL


class Child:
    """A run under way."""

    def __init__(self, nursery: Nursery, pid: int, output: Path) -> None:
        self.pid, self._nursery, self._output = pid, nursery, output

    def kill(self) -> None:
        """kill -9, with every process that it has started."""
        os.killpg(self.pid, signal.SIGKILL)

    def ended(self, kill_after: float | None = None) -> Ended:
        """How it ended; killed where it takes longer than so many seconds."""
        timer = threading.Timer(kill_after, self._kill_if_alive) if kill_after is not None else None
        if timer is not None:
            timer.start()
        code = self._nursery.ask({"wait": self.pid})["code"]
        if timer is not None:
            timer.cancel()
        return Ended(code, self._output.read_text(encoding="utf-8", errors="replace"))

    def _kill_if_alive(self) -> None:
        # a child that has ended is reaped by `wait` alone, so its number is nobody else's yet; its group may be gone
        with contextlib.suppress(ProcessLookupError):
            self.kill()


class Nursery:
    """Starts runs; close it when there are no more."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._born = folder, 0
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.nursery"],
            cwd=REPOSITORY,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def start(self, *argv: object, fault: Sequence[object] | None = None) -> Child:
        """A `meterhouse` command under way; fault: what happens to it (`dying.py`)."""
        self._born += 1
        output = self._folder / f"{self._born:04d}.txt"
        request = {"argv": [str(word) for word in argv], "fault": fault, "output": str(output)}
        return Child(self, self.ask(request)["pid"], output)

    def run(self, *argv: object, fault: Sequence[object] | None = None) -> Ended:
        """A `meterhouse` command from start to end."""
        return self.start(*argv, fault=fault).ended()

    def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


def serve() -> None:
    """Import, then answer requests until there are no more."""
    for name in IMPORTED:
        importlib.import_module(name)
    from dagster_project.warehouse import dbt_runner

    dbt_runner._manifest()
    for line in sys.stdin:
        request = json.loads(line)
        if "wait" in request:
            _, status = os.waitpid(request["wait"], 0)
            answer = {"code": os.waitstatus_to_exitcode(status)}
        else:
            answer = {"pid": os.fork() or _live(request)}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


def _live(request: dict[str, Any]) -> int:
    """The life of a child: the command and nothing else. Never returns."""
    code: object = 1
    try:
        os.setsid()
        for target, flags in ((0, os.O_RDONLY), (1, os.O_WRONLY | os.O_CREAT), (2, os.O_WRONLY | os.O_CREAT)):
            os.dup2(os.open(os.devnull if target == 0 else request["output"], flags | os.O_APPEND), target)
        sys.argv = ["meterhouse", *request["argv"]]
        if request["fault"]:
            from tests.faults import dying

            dying.befall(*request["fault"])
        from dagster_project.cli.app import main
        from tests import examination

        examination.leave_out(pytest.MonkeyPatch())
        main()
        code = 0
    except SystemExit as end:
        code = end.code
    except BaseException:  # what nobody caught ends a command with a trace and a 1
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code if isinstance(code, int) else int(code is not None))


if __name__ == "__main__":
    serve()
