"""The kernel alone, on frames: 200,000 rows of usage of 20,000 contracts, five grants each.

Three times: all of them per unit, in February, which is one window; all of them graduated, in January, which a grant that lapses cuts
in two; and mixed, in January. Rows a second are those of one core: Polars may use one thread (POLARS_MAX_THREADS).
"""

from __future__ import annotations

import dataclasses
import sys
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TypeVar
from unittest.mock import patch

import polars as pl

from rating import books, tables
from rating.books import Books
from rating.credits import drawdown
from rating.documents import Documents
from rating.rate import rate
from rating.schedule import Schedule, build_schedule
from rating.usage import combinations
from rating.usage.lines import usage_lines
from rating.usage.rateable_usage import rateable_usage
from tests.benchmarks.books import FIVE_FOR_EVERYONE, write_books
from tests.benchmarks.events import MONTH
from tests.benchmarks.nights import FIRST_NIGHT
from tests.benchmarks.results import KernelSpeed, Stage

Combination = tuple[str, list[str]]
# ten a period in all; one in five finds no entry on its card
PER_UNIT: list[Combination] = [
    *(("AI_CALL", [region, outcome]) for region in ("US", "EU", "us") for outcome in ("resolved", "transferred")),
    *(("LLM_TOKENS", [model]) for model in ("mini", "large", "small", "preview")),
]
GRADUATED: list[Combination] = [("API_CALLS", [endpoint]) for endpoint in ("chat", "embed", "files", "images", "speech")]
MIXED = PER_UNIT[3:7] + GRADUATED[:1]
NEXT_MONTH = datetime(2026, 2, 1)  # noqa: DTZ001
TIMES = 5
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

    read = _with_endpoints(timed("books.load", lambda: books.load(path), times=1))
    schedule = timed("schedule.lay_out", lambda: build_schedule(read, FIRST_NIGHT))
    january, february = (schedule.periods.filter(pl.col("period_start") == month) for month in (MONTH, NEXT_MONTH))
    per_unit = _usage(schedule, NEXT_MONTH, PER_UNIT)
    graduated, mixed = (_usage(schedule, MONTH, used) for used in (GRADUATED, MIXED))
    timed("usage_lines, per unit", lambda: usage_lines(read, schedule, february, per_unit))
    timed("usage_lines, graduated in two windows", lambda: usage_lines(read, schedule, january, graduated))
    timed("usage_lines, mixed", lambda: usage_lines(read, schedule, january, mixed))
    distinct = combinations.distinct(mixed)
    timed("slots: the price join, mixed", lambda: rateable_usage(read, schedule, january, mixed, distinct))
    claims, grants = _claims_and_grants(read, schedule, mixed)
    timed("drawdown.draw, five grants a contract", lambda: drawdown.draw(claims, grants))
    timed("rate: all of it, mixed", lambda: rate(read, schedule, mixed, Documents.none(), FIRST_NIGHT))
    return KernelSpeed(usage_rows=mixed.height, contracts=contracts, grants=read.credit_grants.height, calls=calls)


def _with_endpoints(read: Books) -> Books:
    """API calls by endpoint, so that graduated usage comes in as many rows as the rest."""
    keys = pl.when(pl.col("meter_code") == "API_CALLS").then(pl.lit(pl.Series([["endpoint"]]))).otherwise("group_keys")
    return dataclasses.replace(read, meters=read.meters.with_columns(group_keys=keys))


def _claims_and_grants(read: Books, schedule: Schedule, usage: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """What `rate` lets `draw` settle."""
    with patch.object(drawdown, "draw", wraps=drawdown.draw) as draw:
        rate(read, schedule, usage, Documents.none(), FIRST_NIGHT)
    claims, grants = draw.call_args.args
    return claims, grants


def _usage(schedule: Schedule, month: datetime, used: list[Combination]) -> pl.DataFrame:
    """USAGE of a month: every combination in every window, quantities with two decimals from 0.01 to 5,000."""
    frame = pl.DataFrame(used, schema={"meter_code": tables.TEXT, "group_values": tables.TEXTS}, orient="row")
    hundredths = pl.int_range(pl.len()) * 7919 % 500_000 + 1
    whole, rest = hundredths // 100, (hundredths % 100).cast(pl.String).str.zfill(2)
    is_counted = pl.col("meter_code") == "API_CALLS"
    return tables.USAGE.frame(
        schedule.windows.filter(pl.col("period_start") == month)
        .join(frame, how="cross")
        .with_columns(
            quantity=pl.when(is_counted)
            .then(whole.cast(pl.String))
            .otherwise(pl.format("{}.{}", whole, rest))
            .cast(tables.QUANTITY),
            event_count=whole + 1,
        )
        .sort(tables.USAGE.key)
    )


def main() -> None:
    """`python -m tests.benchmarks.kernel FOLDER CONTRACTS SEED`: leaves kernel.json in the folder."""
    folder = Path(sys.argv[1])
    speed = measure_kernel(folder, int(sys.argv[2]), int(sys.argv[3]))
    (folder / "kernel.json").write_text(speed.model_dump_json())


if __name__ == "__main__":
    main()
