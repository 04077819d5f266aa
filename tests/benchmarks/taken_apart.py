"""One run in this process, taken apart: `python -m tests.benchmarks.taken_apart OUTPUT.json COMMAND...`.

The command is the real one. Around every step of it, and around what is known to be slow, stands a stopwatch, so that this page
needs to know no step by name and follows the house as it changes. Imports that a command puts off are made first, one by one.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import inspect
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from tests.benchmarks.results import Stage

IMPORTS = (
    "polars",
    "duckdb",
    "dagster",
    "dbt.cli.main",
    "dagster_project.cli.app",
    "dagster_project.definitions",
)


class Stopwatch:
    """Stages inside stages, as they are entered and left. Looks at the thread it was made in only."""

    def __init__(self) -> None:
        self.whole = Stage(name="whole", seconds=0, cpu_seconds=0)
        self._open = [self.whole]
        self._thread = threading.get_ident()

    @contextlib.contextmanager
    def stage(self, name: str) -> Iterator[Stage]:
        stage = Stage(name=name, seconds=0, cpu_seconds=0)
        self._open[-1].parts.append(stage)
        self._open.append(stage)
        start, cpu_start = time.monotonic(), time.process_time()
        try:
            yield stage
        finally:
            stage.seconds, stage.cpu_seconds = time.monotonic() - start, time.process_time() - cpu_start
            self._open.pop()

    def around(self, owner: Any, name: str, parts: Callable[[Any], list[Stage]] = lambda _: []) -> None:
        """Time every call of a function from now on, by its name and what it is told to do in a word.

        `parts` reads from its result what it was made of.
        """
        function = getattr(owner, name)

        @functools.wraps(function)
        def timed(*arguments: Any, **named: Any) -> Any:
            if threading.get_ident() != self._thread:
                return function(*arguments, **named)
            words = [argument for argument in arguments if isinstance(argument, str) and "/" not in argument]
            with self.stage(" ".join([name.lstrip("_"), *words])) as stage:
                result = function(*arguments, **named)
                stage.parts.extend(parts(result))
            return result

        setattr(owner, name, timed)

    def around_steps(self, module: ModuleType) -> None:
        for name, function in inspect.getmembers(module, inspect.isfunction):
            if function.__module__ == module.__name__ and not name.startswith("_"):
                self.around(module, name)


def watched() -> Stopwatch:
    """A stopwatch around the imports, which it makes, and around every step of a run."""
    stopwatch = Stopwatch()
    with stopwatch.stage("imports"):
        for name in IMPORTS:
            with stopwatch.stage(name):
                importlib.import_module(name)
    from dagster_project import landing
    from dagster_project.checks import invariants
    from dagster_project.checks.expectations.client import ExpectationClient
    from dagster_project.pipeline import steps
    from dagster_project.warehouse import dbt_runner, issued
    from rating import books

    stopwatch.around_steps(steps)
    for owner, name in (
        (books, "load"),
        (steps, "rate"),
        (steps, "lay_out"),
        (issued, "read"),
        (landing, "land"),
        (invariants, "of_documents"),
        (ExpectationClient, "examine"),
        (ExpectationClient, "publish_data_docs"),
        (dbt_runner, "_manifest"),
    ):
        if hasattr(owner, name):
            stopwatch.around(owner, name)
    stopwatch.around(dbt_runner.DbtHouse, "build", _models)
    return stopwatch


def _models(results: list[Any]) -> list[Stage]:
    """What dbt built, by model; its tests together."""
    models = [
        Stage(name=result.name, seconds=result.seconds, cpu_seconds=0) for result in results if result.resource_type == "model"
    ]
    tests = [result.seconds for result in results if result.resource_type != "model"]
    return [*models, Stage(name=f"{len(tests)} tests", seconds=sum(tests), cpu_seconds=0)]


def main() -> None:
    output, command = Path(sys.argv[1]), sys.argv[2:]
    start, cpu_start = time.monotonic(), time.process_time()
    stopwatch = watched()
    from dagster_project.cli.app import app

    app(command, standalone_mode=False)
    whole = stopwatch.whole
    whole.seconds, whole.cpu_seconds = time.monotonic() - start, time.process_time() - cpu_start
    output.write_text(whole.model_dump_json(indent=2))


if __name__ == "__main__":
    main()
