"""Shards rated side by side, each in a process of its own; the process ends with its shard, or with whoever waits for it."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
from collections.abc import Iterator, Sequence
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess

from dagster_project.errors import UserError
from rating.documents import Rated
from rating.shards import Shard, rate_or_hold_back

# Polars' threads must not be forked, so every process begins anew
_SPAWN = multiprocessing.get_context("spawn")
_THREADS = "POLARS_MAX_THREADS"


def rate_all(shards: Sequence[Shard]) -> list[Rated]:
    """Rate shards, as many at a time as there are cores. Raises `UserError` where a process is ended from outside."""
    at_once = min(cores(), len(shards))
    if at_once <= 1:
        return [rate_or_hold_back(shard) for shard in shards]
    rated: dict[int, Rated] = {}
    waiting, running = list(enumerate(shards)), dict[Connection, tuple[int, SpawnProcess]]()
    with _threads_each(max(1, cores() // at_once)), contextlib.ExitStack() as ending:
        while waiting or running:
            while waiting and len(running) < at_once:
                number, shard = waiting.pop(0)
                answer, process = _begun(shard)
                ending.callback(process.kill)
                running[answer] = (number, process)
            ready = wait(list(running))
            for answer in [one for one in running if one in ready]:
                number, process = running.pop(answer)
                rated[number] = _answered(answer, process, number + 1, len(shards))
    return [rated[number] for number in range(len(shards))]


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _begun(shard: Shard) -> tuple[Connection, SpawnProcess]:
    answer, says = _SPAWN.Pipe(duplex=False)
    process = _SPAWN.Process(target=_work, args=(says, shard), daemon=True)
    process.start()
    says.close()  # so that the end of the process is the end of what it says
    return answer, process


def _answered(answer: Connection, process: SpawnProcess, number: int, count: int) -> Rated:
    try:
        said = answer.recv()
    except EOFError:
        process.join()
        raise UserError(
            f"The process that rated shard {number} of {count} was ended from outside (exit code {process.exitcode}); it may have run "
            "out of memory. Nothing was issued. Run again; more shards need less memory at a time."
        ) from None
    process.join()
    if isinstance(said, Rated):
        return said
    raise said


def _work(says: Connection, shard: Shard) -> None:
    try:
        says.send(rate_or_hold_back(shard))
    except BrokenPipeError:
        return  # nobody waits any more
    except Exception as error:  # the process that waits raises it
        says.send(error)


@contextlib.contextmanager
def _threads_each(count: int) -> Iterator[None]:
    """Let processes that begin meanwhile share the cores."""
    before = os.environ.get(_THREADS)
    os.environ[_THREADS] = str(count)
    try:
        yield
    finally:
        if before is None:
            del os.environ[_THREADS]
        else:
            os.environ[_THREADS] = before
