"""Group `books`: contract data as typed frames, and the same laid out in time (R-5, R-17, R-18)."""

from __future__ import annotations

from collections.abc import Iterator

import dagster as dg
import polars as pl

from dagster_project.defs.declared import FINANCE, Materialized, report_failures, spec, to_markdown
from dagster_project.pipeline import dimensions, steps
from dagster_project.pipeline.run import Run
from dagster_project.warehouse import unmatched
from rating import tables

GROUP = "books"
BOOKS = [spec("books", table, group=GROUP, owner=FINANCE, kinds=("yaml", "parquet")) for table in tables.BOOKS_TABLES]
SCHEDULE = [spec("schedule", table, group=GROUP, deps=[one.key for one in BOOKS]) for table in steps.SCHEDULE]
DIMENSIONS = [
    spec("dimensions", table, group=GROUP, deps=[one.key for one in [*BOOKS, *SCHEDULE]], owner=FINANCE)
    for table in dimensions.DIMENSIONS
]


NOTED = spec("schedule", unmatched.CHANGES, group=GROUP, deps=[one.key for one in BOOKS])


@dg.multi_asset(name="contract_data", specs=BOOKS)
def contract_data(run: dg.ResourceParam[Run]) -> Iterator[Materialized]:
    """Read the books; a single mistake in them stops the run, with all of them said."""
    with report_failures(run, "reading the books"):
        books = run.books
        steps.lay_books(run)
    for table, declared in zip(tables.BOOKS_TABLES, BOOKS, strict=True):
        frame = getattr(books, table.name)
        yield dg.MaterializeResult(
            asset_key=declared.key, metadata={"dagster/row_count": frame.height, "books_version": books.version}
        )


@dg.multi_asset(name="schedule", specs=[*SCHEDULE, NOTED, *DIMENSIONS])
def schedule(run: dg.ResourceParam[Run]) -> Iterator[Materialized]:
    """Lay approved contracts out in billing periods and rating windows, up to as_of."""
    with report_failures(run, "laying contracts out in periods"):
        frames = steps.lay_schedule(run)
    for frame, declared in zip(frames, SCHEDULE, strict=True):
        months = (
            frame.group_by(pl.col("period_end").dt.strftime("%Y-%m").alias("ending_in")).len("rows").sort("ending_in").tail(12)
        )
        yield dg.MaterializeResult(
            asset_key=declared.key, metadata={"dagster/row_count": frame.height, "last_months": to_markdown(months)}
        )
    for declared in [NOTED, *DIMENSIONS]:
        yield dg.MaterializeResult(asset_key=declared.key)
