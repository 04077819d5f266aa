"""The picture of a benchmark: where a night goes, and how cost grows beside the yardstick."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes

from tests.benchmarks.measure import LANDING
from tests.benchmarks.nights import FIRST
from tests.benchmarks.results import Results

mpl.use("Agg")
MILLION = 1_000_000


def draw(results: Results, path: Path) -> None:
    """Draw what was measured of whole nights; nothing where none was."""
    import matplotlib.pyplot as plt

    if not any(found.nights for found in results.sizes):
        return
    figure, (left, right) = plt.subplots(1, 2, figsize=(13, 5), width_ratios=[3, 2], layout="constrained")
    _nights(left, results)
    _growth(right, results)
    figure.savefig(path, dpi=120, metadata={"Software": None})
    plt.close(figure)


def _nights(axes: Axes, results: Results) -> None:
    largest = results.sizes[-1]
    names = list(dict.fromkeys(stage.name for cost in largest.nights.values() for stage in cost.stages))
    shades = mpl.colormaps["tab20"]
    for row, cost in enumerate(largest.nights.values()):
        begin = 0.0
        for stage in cost.stages:
            label = stage.name if stage.name not in axes.get_legend_handles_labels()[1] else None
            axes.barh(row, stage.cpu_seconds, left=begin, color=shades(names.index(stage.name) % 20), label=label)
            begin += stage.cpu_seconds
        axes.text(begin, row, f" {begin:.1f}", va="center")
    axes.set_yticks(range(len(largest.nights)), list(largest.nights))
    axes.invert_yaxis()
    axes.margins(x=0.1)
    axes.set_xlabel("CPU seconds")
    axes.set_title(f"Where a night goes: {largest.events:,} events, {results.customers:,} contracts")
    axes.legend(fontsize="small", loc="upper center", bbox_to_anchor=(0.5, -0.12), ncols=4, frameon=False)


def _growth(axes: Axes, results: Results) -> None:
    sizes = [found for found in results.sizes if found.nights and found.yardsticks]
    millions = [found.lines / MILLION for found in sizes]
    first = [found.nights[FIRST] for found in sizes]
    for label, seconds in (
        ("our night without landing", [cost.without(LANDING).cpu_seconds for cost in first]),
        ("script by hand", [found.yardsticks["script"].cpu_seconds for found in sizes]),
        ("our landing", [cost.of(LANDING).cpu_seconds for cost in first]),
        ("bare NDJSON to Parquet", [found.yardsticks["copy"].cpu_seconds for found in sizes]),
    ):
        axes.plot(millions, seconds, marker="o", label=label)
    axes.set_ylim(bottom=0)
    axes.set_xlim(left=0)
    axes.set_xlabel("million lines")
    axes.set_ylabel("CPU seconds")
    axes.set_title("Growth beside the yardsticks")
    axes.legend(fontsize="small")
