"""A process beside the door for what takes long, so that events never wait for it. It begins when it is first asked, does one thing at
a time, and ends with the door."""

from __future__ import annotations

import contextlib
import multiprocessing
import threading
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from typing import Any, TypeVar

from dagster_project.errors import UserError

# threads of Polars and of the door must not be forked
_SPAWN = multiprocessing.get_context("spawn")

Asked = TypeVar("Asked")
Answer = TypeVar("Answer")


class Worker:
    """Asked from threads of the door; whoever comes second waits."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: SpawnProcess | None = None
        self._to: Connection | None = None

    def do(self, work: Callable[[Asked], Answer], asked: Asked) -> Answer:
        """What a function of a module makes of something. Raises what it raises, and `UserError` where the process was ended."""
        with self._lock:
            line = self._line()
            try:
                line.send((work, asked))
                is_good, said = line.recv()
            except (EOFError, OSError):
                self._end()
                raise UserError("The process that works this out was ended from outside. Ask again.") from None
        if is_good:
            answer: Answer = said
            return answer
        raise said

    def stop(self) -> None:
        """End the process, whatever it does."""
        if self._process is not None:
            self._process.kill()

    def _line(self) -> Connection:
        if self._to is None or self._process is None or not self._process.is_alive():
            self._to, theirs = _SPAWN.Pipe()
            self._process = _SPAWN.Process(target=_work, args=(theirs,), daemon=True)
            self._process.start()
            theirs.close()  # so that the end of the process is the end of what it says
        return self._to

    def _end(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.join()
        self._process = self._to = None


def _work(line: Connection) -> None:
    with contextlib.suppress(EOFError, BrokenPipeError, KeyboardInterrupt):  # nobody asks any more
        while True:
            work, asked = line.recv()
            said: tuple[bool, Any]
            try:
                said = True, work(asked)
            except Exception as error:  # whoever asked raises it
                said = False, error
            line.send(said)
