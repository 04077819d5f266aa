"""How things look on a terminal: money, counts, tables, progress."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

import polars as pl
from rich.console import Console
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table

from dagster_project.pipeline.run import Progress
from dagster_project.render.figures import money, number

# a file or a pipe has no width of its own: 80 columns would break tables that nobody reads on a terminal
WIDTH_OFF_TERMINAL = 160


def _console(*, stderr: bool) -> Console:
    console = Console(highlight=False, stderr=stderr)
    return console if console.is_terminal else Console(highlight=False, stderr=stderr, width=WIDTH_OFF_TERMINAL)


screen = _console(stderr=False)
errors = _console(stderr=True)

NUMBERS = (pl.Decimal, pl.Int8, pl.Int16, pl.Int32, pl.Int64, pl.UInt32, pl.UInt64)


def table(title: str, frame: pl.DataFrame, *, money_columns: Sequence[str] = ()) -> Table:
    """A frame as a table: numbers to the right, money as money, nulls blank."""
    shown = Table(title=title, title_justify="left", title_style="bold", header_style="dim", box=None, pad_edge=False)
    for name, dtype in frame.schema.items():
        shown.add_column(name.replace("_", " "), justify="right" if dtype.base_type() in NUMBERS else "left", overflow="fold")
    for row in frame.iter_rows():
        shown.add_row(*(_cell(value, name in money_columns) for name, value in zip(frame.columns, row, strict=True)))
    return shown


def _cell(value: Any, is_money: bool) -> str:
    if value is None:
        return ""
    if is_money:
        return money(value)
    if isinstance(value, (Decimal, int)) and not isinstance(value, bool):
        return number(value)
    return str(value)


@contextlib.contextmanager
def progress() -> Iterator[Progress]:
    """Says on stderr what a run is doing: on a terminal a line with a clock that ticks, elsewhere a line a stage with the seconds."""
    start = time.monotonic()
    if errors.is_terminal:
        clock = _Clock(start)
        with Live(clock, console=errors, transient=True, refresh_per_second=4):
            yield clock.say
        return
    stages: set[str] = set()

    def say(what: str) -> None:
        stage = what.split(" ", 1)[0] if " (" in what else what
        if stage not in stages:  # a file more of the same stage is no line more
            stages.add(stage)
            errors.print(f"{time.monotonic() - start:6.1f} s  {what}", soft_wrap=True)

    yield say


class _Clock:
    """What is being done, and for how long; read anew with every refresh."""

    def __init__(self, start: float) -> None:
        self._start, self._what = start, ""
        self._spinner = Spinner("dots")

    def say(self, what: str) -> None:
        self._what = what

    def __rich__(self) -> Spinner:
        self._spinner.update(text=f"{self._what} [dim]{time.monotonic() - self._start:.0f} s[/dim]")
        return self._spinner


@contextlib.contextmanager
def nothing_said() -> Iterator[Progress]:
    """Of a run that nobody watches."""
    yield lambda _: None
