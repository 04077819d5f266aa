"""`meterhouse quarantine`: lines that are no event, and landing them again once they are (R-49)."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import polars as pl

from dagster_project import landing, settings
from dagster_project.cli.screen import screen, table
from dagster_project.errors import UserError
from dagster_project.landing.release import quarantined, release
from dagster_project.pipeline.guards import refuse_the_future
from dagster_project.pipeline.run import read_books
from dagster_project.warehouse import issued
from dagster_project.warehouse.paths import Warehouse

MOST_LISTED = 50
RAW_SHOWN = 200  # characters of a line


def list_(folder: Path) -> None:
    """Count what is in quarantine by file, month of receipt and reason, each with an example."""
    lines = _lines(folder)
    if lines.is_empty():
        screen.print("Nothing is in quarantine.")
        return
    kinds = lines.with_columns(kind=pl.col("reason").str.replace_all(r": [^;]*", ""))
    found = (
        kinds.group_by("file", pl.col("received_at").dt.strftime("%Y-%m").alias("month"), "kind")
        .agg(
            lines=pl.len().cast(pl.Int64),
            for_example=pl.format("line {}: {}", pl.col("position").first(), pl.col("reason").first()),
        )
        .sort("lines", "file", "month", "kind", descending=[True, False, False, False])
        .select("file", "month", "lines", "for_example")
    )
    screen.print(table("In quarantine", found.head(MOST_LISTED)))
    if found.height > MOST_LISTED:
        screen.print(f"{found.height - MOST_LISTED:,} more kinds; the lines are in marts.quarantine.")
    screen.print(
        f"{lines.height:,} lines. `quarantine show --file …` shows them; `quarantine release` lands what has become true."
    )


def show(folder: Path, file: str | None, reason: str | None, limit: int) -> None:
    """Print lines as they came, with their reasons."""
    lines = _chosen(_lines(folder), file, reason)
    for row in lines.head(limit).iter_rows(named=True):
        screen.print(f"{row['file']}:{row['position']}  {row['reason']}", markup=False, soft_wrap=True)
        raw = row["raw"] or ""
        screen.print(f"    {raw[:RAW_SHOWN]}{'…' if len(raw) > RAW_SHOWN else ''}", markup=False, soft_wrap=True)
    if lines.height > limit:
        screen.print(f"{lines.height - limit:,} more.")


def release_(
    folder: Path,
    books: Path,
    file: str | None,
    reason: str | None,
    mended: Path | None,
    as_of: str | None,
    *,
    allow_future: bool,
) -> None:
    """Land what is an event now. Raises `UserError` where nothing is chosen, or a later run has landed already."""
    warehouse = Warehouse(folder)
    at = settings.instant(as_of) if as_of else settings.now()
    if not allow_future:
        refuse_the_future(at, settings.now())
    with warehouse.locked():
        lines = _chosen(_lines(folder), file or (mended.name if mended else None), reason)
        if mended is not None and lines.get_column("file").n_unique() > 1:
            raise UserError(f"Several landed files are named like {mended.name}. Say which with --file.")
        _refuse_the_past(warehouse, at)
        known = read_books(books)
        landed = release(warehouse, lines, at, known.settings.timezone, mended, known.sources)
    count = landed.events if landed else 0
    screen.print(
        f"{count:,} of {lines.height:,} lines are events now"
        + (" and have landed; the next run counts them." if count else "; nothing has landed. `quarantine show` says why."),
    )


def _refuse_the_past(warehouse: Warehouse, at: datetime) -> None:
    latest = issued.latest_as_of(warehouse)
    if latest is not None and at < latest:
        raise UserError(
            f"as_of {at:%Y-%m-%dT%H:%M:%SZ} lies before the last run's, {latest:%Y-%m-%dT%H:%M:%SZ}. Give that or a later one."
        )


def _lines(folder: Path) -> pl.DataFrame:
    warehouse = Warehouse(folder)
    if not landing.landings(warehouse):
        raise UserError(f"Nothing has landed in {folder}. Name the warehouse with --warehouse.")
    return quarantined(warehouse)


def _chosen(lines: pl.DataFrame, file: str | None, reason: str | None) -> pl.DataFrame:
    found = lines
    if file is not None:
        found = found.filter((pl.col("file") == file) | pl.col("file").str.ends_with(f"/{file}"))
        if found.is_empty():
            files = lines.get_column("file").unique().sort().head(5).to_list()
            raise UserError(
                f"No line of {file} is in quarantine." + (f" There are lines of {', '.join(files)}." if files else "")
            )
    if reason is not None:
        found = found.filter(pl.col("reason").str.contains(reason, literal=True))
    return found
