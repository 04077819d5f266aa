"""The figures as tables, between two marks in docs/benchmark.md; what stands around them is written by hand.

`python -m tests.benchmarks.report results.json` writes the tables of a benchmark that was kept.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.benchmarks.measure import LANDING, ROOT
from tests.benchmarks.nights import FIRST, NOTHING_TO_DO
from tests.benchmarks.results import Cost, KernelSpeed, Measurements, Results, Stage

BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"
MILLION = 1_000_000
USUAL_EVENTS = 20 * MILLION  # what the goals speak of
SECOND = "night 2"
GIBIBYTE = 2**30
SHOWN_FROM = 0.2  # seconds; in the run taken apart what costs less is not worth a row
INDENT = "&emsp;"
TOO_SMALL = "not to be told"  # the sizes lie so close that the fixed part's noise hides the slope


@dataclass(frozen=True, slots=True)
class Line:
    """Cost as a straight line over events: a fixed part, in seconds, and a slope, in seconds a million."""

    fixed: float
    slope: float

    @classmethod
    def through(cls, smallest: tuple[int, float], largest: tuple[int, float]) -> Line:
        (few, low), (many, high) = smallest, largest
        slope = (high - low) / (many - few)
        return cls(low - slope * few, slope * MILLION)


def write_report(results: Results, path: Path) -> None:
    """Put the tables between the marks of the page; a page that is not there yet is made of them alone."""
    page = path.read_text() if path.exists() else f"# Benchmark\n\n{BEGIN}\n{END}\n"
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    path.write_text(f"{before}{BEGIN}\n\n{tables_of(results)}\n\n{END}{after}")


def tables_of(results: Results) -> str:
    """Everything that was measured, as markdown."""
    parts = [_where(results), *(_size(found) for found in results.sizes)]
    measured = [found for found in results.sizes if found.nights and found.yardsticks]
    if len(measured) > 1:
        parts.append(_lines(measured))
    parts += [_stages(found) for found in results.sizes if found.nights]
    parts += [_apart(found.events, found.apart) for found in results.sizes if found.apart]
    if results.kernel:
        parts.append(_kernel(results.kernel))
    return "\n\n".join(parts)


def _where(results: Results) -> str:
    machine = results.machine
    versions = ", ".join(f"{name} {version}" for name, version in machine.versions.items())
    before, after = results.load
    return (
        f"Measured on {results.measured_on}: {machine.cores} cores ({machine.processor}), {machine.memory_bytes / GIBIBYTE:.0f} GiB; "
        f"{versions}. {results.customers:,} customers, seed {results.seed}. Average load of the machine {before:.1f} before and "
        f"{after:.1f} after: above {machine.cores} it was shared with other work, wall seconds are too long, and CPU seconds tell more."
    )


def _size(found: Measurements) -> str:
    rows: list[Sequence[Any]] = [(_yardstick_name(name), *_cost(cost, found.lines)) for name, cost in found.yardsticks.items()]
    for night, cost in found.nights.items():
        rows.append((f"**{night}**, whole command", *_cost(cost, found.lines if night == FIRST else None)))
    title = f"### {found.events:,} events ({found.lines:,} lines, {found.inbox_bytes / MILLION:,.0f} MB of NDJSON)"
    agreed = "; ".join(f"{night}: {', '.join(what)}" for night, what in found.agreed.items())
    equal = f"\n\nEqual to the script's, exactly: {agreed}." if agreed else ""
    return f"{title}\n\n{_table(('', 'wall s', 'CPU s', 'lines/s, wall', 'peak MiB'), rows)}{equal}"


def _yardstick_name(name: str) -> str:
    return {
        "copy": "yardstick: bare NDJSON to Parquet",
        "script": "yardstick: script by hand",
        "scan": "floor: scan of the columns",
    }.get(name, name)


def _cost(cost: Cost, lines: int | None) -> tuple[str, str, str, str]:
    rate = f"{lines / cost.seconds:,.0f}" if lines else ""
    return f"{cost.seconds:.1f}", f"{cost.cpu_seconds:.1f}", rate, f"{cost.peak_bytes / 2**20:,.0f}"


def _lines(sizes: Sequence[Measurements]) -> str:
    """Fixed parts and slopes between the smallest and the largest size, and the house's goals.

    What is wanted of one size is told of the one nearest to 20 million; the next night of the largest that has one.
    """
    smallest, largest = sizes[0], sizes[-1]
    usual = min(sizes, key=lambda found: abs(math.log(found.events / USUAL_EVENTS)))

    def both(of: Callable[[Measurements], Cost | Stage]) -> tuple[Line, Line]:
        few, many = of(smallest), of(largest)
        return (
            Line.through((smallest.lines, few.seconds), (largest.lines, many.seconds)),
            Line.through((smallest.lines, few.cpu_seconds), (largest.lines, many.cpu_seconds)),
        )

    copy = both(lambda found: found.yardsticks["copy"])
    script = both(lambda found: found.yardsticks["script"])
    landing = both(lambda found: found.nights[FIRST].of(LANDING))
    billing = both(lambda found: found.nights[FIRST].without(LANDING))
    wall, cpu = both(lambda found: found.nights[FIRST])
    rows = [
        (name, *(f"{value:.1f}" for clock in clocks for value in (clock.fixed, clock.slope)))
        for name, clocks in (
            ("bare NDJSON to Parquet", copy),
            ("our landing", landing),
            ("script by hand", script),
            ("our night without landing", billing),
        )
    ]
    fits = _table(("", "fixed, wall s", "a million, wall s", "fixed, CPU s", "a million, CPU s"), rows)
    first, nothing = usual.nights[FIRST], usual.nights[NOTHING_TO_DO]
    goals: list[Sequence[Any]] = [
        (
            "landing beside the bare copy, slopes",
            "at least 0.7",
            *(_ratio(a.slope, b.slope) for a, b in zip(copy, landing, strict=True)),
        ),
        (
            "after landing beside the script, slopes",
            "at most 1.5",
            *(_ratio(a.slope, b.slope) for a, b in zip(billing, script, strict=True)),
        ),
        ("fixed part", "under 15 s", *(f"{clock.fixed:.1f} s" for clock in billing)),
        (f"nothing to do, {usual.events:,} events", "under 10 s", f"{nothing.seconds:.1f} s", f"{nothing.cpu_seconds:.1f} s"),
        (f"peak memory, {usual.events:,} events", "8 GiB at 20 million", f"{first.peak_bytes / GIBIBYTE:.2f} GiB", ""),
    ]
    for found in [found for found in sizes if SECOND in found.nights][-1:]:
        first, second = found.nights[FIRST], found.nights[SECOND]
        goals.insert(
            3,
            (
                f"night 2 beside the first, above the fixed part, {found.events:,} events",
                "at most 0.125",
                _ratio(second.seconds - wall.fixed, first.seconds - wall.fixed),
                _ratio(second.cpu_seconds - cpu.fixed, first.cpu_seconds - cpu.fixed),
            ),
        )
    reached = _table(("goal", "wanted", "wall", "CPU"), goals)
    return f"### Fixed part and slope, from {smallest.events:,} and {largest.events:,} events\n\n{fits}\n\n{reached}"


def _ratio(one: float, other: float) -> str:
    return f"{one / other:.2f}" if one > 0 and other > 0 else TOO_SMALL


def _stages(found: Measurements) -> str:
    """Where each night's time goes, as the command itself tells it."""
    names = dict.fromkeys(stage.name for cost in found.nights.values() for stage in cost.stages)
    rows = [(name, *(_seconds(cost.of(name)) for cost in found.nights.values())) for name in names]
    rows.append(("**whole**", *(f"{cost.seconds:.1f} ({cost.cpu_seconds:.1f})" for cost in found.nights.values())))
    return f"### Where a night goes at {found.events:,} events: wall s (CPU s)\n\n{_table(('', *found.nights), rows)}"


def _seconds(stage: Stage) -> str:
    return f"{stage.seconds:.1f} ({stage.cpu_seconds:.1f})" if stage.seconds else ""


def _apart(events: int, whole: Stage) -> str:
    """The first night step by step. dbt tells wall seconds of its models, which overlap; the checker's own process is not in here."""
    rows = [
        (f"{INDENT * depth}{stage.name}", f"{stage.seconds:.1f}", f"{stage.cpu_seconds:.1f}" if stage.cpu_seconds else "")
        for depth, stage in _deep(whole)
    ]
    watched = sum(part.seconds for part in whole.parts), sum(part.cpu_seconds for part in whole.parts)
    rows.append((f"{INDENT}Dagster, and all that has no name here", *_rest(whole, watched)))
    return f"### The first night at {events:,} events, taken apart\n\n{_table(('', 'wall s', 'CPU s'), rows)}"


def _rest(whole: Stage, watched: tuple[float, float]) -> tuple[str, str]:
    return f"{whole.seconds - watched[0]:.1f}", f"{whole.cpu_seconds - watched[1]:.1f}"


def _deep(stage: Stage, depth: int = 0) -> Iterable[tuple[int, Stage]]:
    """A stage and its parts below it; parts of one name are shown once, and small ones not at all."""
    yield depth, stage
    for name in dict.fromkeys(part.name for part in stage.parts):
        part = _together([part for part in stage.parts if part.name == name])
        # a step that only calls a function of its own name is that function
        while [inner.name for inner in part.parts] == [name]:
            part = part.model_copy(update={"parts": part.parts[0].parts})
        if part.seconds >= SHOWN_FROM:
            yield from _deep(part, depth + 1)


def _together(stages: Sequence[Stage]) -> Stage:
    name, often = stages[0].name, len(stages)
    return Stage(
        name=f"{name} × {often}" if often > 1 else name,
        seconds=sum(stage.seconds for stage in stages),
        cpu_seconds=sum(stage.cpu_seconds for stage in stages),
        parts=[part for stage in stages for part in stage.parts] if often == 1 else [],
    )


def _kernel(kernel: KernelSpeed) -> str:
    rows = [
        (call.name, f"{call.seconds:.2f}", f"{call.cpu_seconds:.2f}", f"{kernel.usage_rows / call.seconds:,.0f}")
        for call in kernel.calls
    ]
    given = f"{kernel.usage_rows:,} rows of usage, {kernel.contracts:,} contracts, {kernel.grants:,} grants"
    title = f"### The kernel alone, on one core: {given}"
    return f"{title}\n\n{_table(('', 'wall s', 'CPU s', 'rows of usage/s'), rows)}"


def _table(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    lines = [header, ["---", *("---:" for _ in header[1:])], *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


if __name__ == "__main__":
    write_report(Results.model_validate_json(Path(sys.argv[1]).read_text()), ROOT / "docs" / "benchmark.md")
