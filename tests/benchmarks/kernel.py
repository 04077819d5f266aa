"""The kernel alone, on frames: 200,000 rows of usage of 20,000 contracts in two windows, per unit and graduated, five grants each."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import polars as pl

from rating import books, tables
from rating.documents import Documents
from rating.rate import rate
from rating.schedule import Schedule, lay_out
from rating.usage_lines import usage_lines
from tests.benchmarks.books import FIVE_FOR_EVERYONE, write_books
from tests.benchmarks.events import MONTH
from tests.benchmarks.nights import FIRST_NIGHT
from tests.benchmarks.results import KernelSpeed, Stage

# five a window; the last but one finds no entry on the card, the last climbs tiers
COMBINATIONS = [
    ("AI_CALL", ["US", "resolved"]),
    ("AI_CALL", ["EU", "transferred"]),
    ("LLM_TOKENS", ["mini"]),
    ("LLM_TOKENS", ["preview"]),
    ("API_CALLS", []),
]
TIMES = 3
Result = TypeVar("Result")


def measure_kernel(folder: Path, contracts: int, seed: int) -> KernelSpeed:
    """Rate one month of that usage from the books' files to documents; the best of three for what is not a file."""
    path = write_books(folder, contracts, seed, FIVE_FOR_EVERYONE)
    calls: list[Stage] = []

    def timed(name: str, call: Callable[[], Result], times: int = TIMES) -> Result:
        stages = []
        for _ in range(times):
            start, cpu_start = time.monotonic(), time.process_time()
            result = call()
            stages.append(Stage(name=name, seconds=time.monotonic() - start, cpu_seconds=time.process_time() - cpu_start))
        calls.append(min(stages, key=lambda stage: stage.seconds))
        return result

    read = timed("books.load", lambda: books.load(path), times=1)
    schedule = timed("schedule.lay_out", lambda: lay_out(read, FIRST_NIGHT))
    usage = _usage(schedule)
    january = schedule.periods.filter(pl.col("period_start") == MONTH)
    timed("usage_lines.usage_lines", lambda: usage_lines(read, schedule, january, usage))
    timed("rate.rate", lambda: rate(read, schedule, usage, Documents.none(), FIRST_NIGHT))
    return KernelSpeed(usage_rows=usage.height, contracts=contracts, grants=read.credit_grants.height, calls=calls)


def _usage(schedule: Schedule) -> pl.DataFrame:
    """USAGE of January: every combination in every window, quantities with two decimals from 0.01 to 5,000."""
    combinations = pl.DataFrame(COMBINATIONS, schema={"meter_code": tables.TEXT, "group_values": tables.TEXTS}, orient="row")
    hundredths = pl.int_range(pl.len()) * 7919 % 500_000 + 1
    whole, rest = hundredths // 100, (hundredths % 100).cast(pl.String).str.zfill(2)
    is_counted = pl.col("meter_code") == "API_CALLS"
    return tables.USAGE.frame(
        schedule.windows.filter(pl.col("period_start") == MONTH)
        .join(combinations, how="cross")
        .with_columns(
            quantity=pl.when(is_counted)
            .then(whole.cast(pl.String))
            .otherwise(pl.format("{}.{}", whole, rest))
            .cast(tables.QUANTITY),
            event_count=whole + 1,
        )
        .sort(tables.USAGE.key)
    )
