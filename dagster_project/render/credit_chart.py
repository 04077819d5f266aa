"""How a contract's burn-down looks: bars on a terminal, or a picture."""

from __future__ import annotations

import io
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import polars as pl
from rich.console import Group
from rich.markup import escape
from rich.table import Table

from dagster_project.checks.credit_runway import money, prospect
from dagster_project.queries.credit_history import BurnDown

WIDTH = 40
EIGHTHS = " ▏▎▍▌▋▊▉"
DOTS_PER_INCH = 150


def chart(burn_down: BurnDown) -> Group:
    """The balance at the end of each month as bars, what drafts will draw lighter, grants where they begin and lapse."""
    bars = Table(box=None, pad_edge=False, show_header=False)
    top = max(burn_down.months.select(pl.max_horizontal(pl.col("posted", "with_drafts").max())).item(), Decimal(1))
    for month_end, posted, with_drafts in burn_down.months.iter_rows():
        solid = _bar(min(posted, with_drafts), top)
        light = "░" * max(0, len(_bar(posted, top)) - len(solid))
        bars.add_row(
            f"{month_end}",
            f"[cyan]{solid}[/cyan][dim]{light}[/dim]",
            money(with_drafts, burn_down.outlook),
            f"[dim]{escape(_marks(burn_down, month_end))}[/dim]",
        )
    bars.columns[2].justify = "right"
    return Group(f"[bold]Credits of {escape(burn_down.contract_id)}[/bold]", bars, escape(sentence(burn_down)))


def sentence(burn_down: BurnDown) -> str:
    """What the wallet holds, and when it runs dry or lapses."""
    outlook = burn_down.outlook
    holds = f", with {money(outlook['held'], outlook)}," if outlook["held"] else ""
    return f"As of {outlook['last_day']}, the wallet{holds} {prospect(outlook)}."


def picture(burn_down: BurnDown) -> bytes:
    """The same as a PNG."""
    # half a second to import: only who asks for a picture waits for it
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    months = burn_down.months
    # pixels, not money: nothing is reckoned with these
    solid, posted = (
        months.select(column.cast(pl.Float64)).to_series().to_list()
        for column in (pl.min_horizontal("posted", "with_drafts"), pl.col("posted"))
    )
    figure = Figure(figsize=(9, 4), dpi=DOTS_PER_INCH, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    ends = months.get_column("month_end").to_list()
    axes.bar(ends, posted, width=20, color="#b9d3e6", label="drafts will draw")
    axes.bar(ends, solid, width=20, color="#20639b", label="held")
    for grant in burn_down.grants.iter_rows(named=True):
        axes.axvline(grant["from_day"], color="#3caea3", linewidth=1)
        if grant["until"] is not None and grant["until"] <= _horizon(burn_down):
            axes.axvline(grant["until"], color="#ed553b", linewidth=1, linestyle="--")
    dry = burn_down.outlook["runs_dry_on"]
    if dry is not None and dry <= _horizon(burn_down):
        held = float(burn_down.outlook["held"])
        axes.plot([burn_down.outlook["last_day"], dry], [held, 0], color="#555555", linestyle=":", label="at the present pace")
    axes.set_title(f"Credits of {burn_down.contract_id}", loc="left", parse_math=False)
    axes.set_xlabel(sentence(burn_down), fontsize=8, parse_math=False, wrap=True)
    axes.set_ylabel(burn_down.outlook["currency"])
    axes.yaxis.set_major_formatter("{x:,.0f}")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=8)
    image = io.BytesIO()
    # no date and no version of the program: the same burn-down is the same file
    figure.savefig(image, format="png", metadata={"Software": None})
    return image.getvalue()


def write_picture(burn_down: BurnDown, file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(picture(burn_down))


def _horizon(burn_down: BurnDown) -> date:
    """As far ahead as the months go back, and no further: a lapse in ten years would squeeze the bars."""
    ends = burn_down.months.get_column("month_end")
    first: date = ends[0]
    last: date = ends[-1]
    return last + max((last - first) * 2, timedelta(days=366))


def _bar(amount: Decimal, top: Decimal) -> str:
    eighths = int(max(amount, Decimal(0)) * WIDTH * 8 / top)
    return "█" * (eighths // 8) + EIGHTHS[eighths % 8].strip()


def _marks(burn_down: BurnDown, month_end: date) -> str:
    def named(grants: pl.DataFrame) -> list[str]:
        return grants.get_column("grant_id").to_list()

    def in_month(column: str) -> pl.Expr:
        return pl.col(column).dt.month_end() == month_end

    begun = [f"+ {name}" for name in named(burn_down.grants.filter(in_month("from_day")))]
    lapsed = [f"{name} lapses" for name in named(burn_down.grants.filter(in_month("until")))]
    return ", ".join(begun + lapsed)
