"""`meterhouse run` and `meterhouse backfill`."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import typer

from dagster_project import settings
from dagster_project.cli.launch import launch
from dagster_project.cli.screen import errors, nothing_said, progress, screen
from dagster_project.cli.summary import as_object, summarize
from dagster_project.deals.marts import deal_tables
from dagster_project.engines import engine_named
from dagster_project.errors import UserError
from dagster_project.pipeline.guards import IssueLimit, begins_numbering, is_new, refuse_places, refuse_the_future
from dagster_project.pipeline.run import Run
from dagster_project.warehouse.paths import Warehouse
from dagster_project.warehouse.snapshot import looks_at_the_past, rehearsed


def run(
    books: Path,
    inbox: str,
    warehouse: Path,
    as_of: str | None,
    first: str | None,
    last: str | None,
    *,
    no_issue: bool,
    dry_run: bool,
    allow_future: bool = False,
    limit_issue: str | None = None,
    yes: bool = False,
    shards: int = 1,
    engine: str = "local",
    quiet: bool = False,
    as_json: bool = False,
    job: str = "nightly",
) -> None:
    """Carry out a run and say how it ended. Exits 1 if it did not balance or held a contract back, 3 if it met a defect."""
    asked = Run(
        warehouse=Warehouse(warehouse),
        books_folder=books,
        inbox=inbox,
        as_of=settings.instant(as_of) if as_of else settings.now(),
        months=settings.months(first, last),
        issue=not no_issue,
        limit=IssueLimit.of(limit_issue) if limit_issue else None,
        shards=shards,
        engine=engine_named(engine),
        register=settings.register(os.environ),
        deals=deal_tables,
    )
    refuse_places(inbox, warehouse)
    if not allow_future:
        refuse_the_future(asked.as_of, settings.now())
    if asked.issue and not dry_run and is_new(asked.warehouse):
        _begin_numbering(asked.warehouse, yes=yes, silently=quiet or as_json)
    with _stage(asked) if dry_run else contextlib.nullcontext(asked) as staged:
        with nothing_said() if quiet else progress() as says:
            # the run that was carried out has its books read already
            carried = replace(staged, progress=says)
            outcome = launch(carried, job)
        if as_json:
            typer.echo(as_object(carried, outcome, dry_run=dry_run))
        elif not quiet or not outcome.balanced or outcome.held_back:
            summarize(carried, outcome)
    if quiet or as_json:
        pass
    elif dry_run:
        screen.print("Dry run: nothing was written.")
    elif outcome.balanced:
        screen.print(f"Marts: {asked.warehouse.database}", soft_wrap=True)
    if not outcome.balanced or outcome.held_back:
        raise typer.Exit(3 if outcome.defect else 1)


def _begin_numbering(warehouse: Warehouse, *, yes: bool, silently: bool) -> None:
    """Say that numbering begins here; on a terminal ask whether that is meant, for a mistyped folder would begin it anew."""
    (errors if silently else screen).print(begins_numbering(warehouse), soft_wrap=True)
    if sys.stdin.isatty() and screen.is_terminal and not yes and not typer.confirm("Go on?"):
        raise UserError("Nothing was done. Name the warehouse that you meant with --warehouse.")


@contextlib.contextmanager
def _stage(asked: Run) -> Iterator[Run]:
    """The same run in a warehouse that is thrown away afterwards (R-46)."""
    with rehearsed(asked.warehouse, asked.as_of) as stage:
        land_new = not looks_at_the_past(asked.warehouse, asked.as_of)
        yield replace(asked, warehouse=stage, land_new=land_new, traces=Path(tempfile.gettempdir()))
