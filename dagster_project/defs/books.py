"""Group `books`: contract data as typed frames, and the same laid out in time (R-5, R-17, R-18)."""

from __future__ import annotations

import dagster as dg

from dagster_project.defs.declared import FINANCE, Said, carried_out, spec
from dagster_project.pipeline import dimensions, nightly, steps
from dagster_project.pipeline.run import Run
from dagster_project.warehouse import contents, unmatched
from rating import tables

GROUP = "books"
BOOKS = [spec("books", table, group=GROUP, owner=FINANCE, kinds=("yaml", "parquet")) for table in tables.BOOKS_TABLES]
SCHEDULE = [spec("schedule", table, group=GROUP, deps=[one.key for one in BOOKS]) for table in steps.SCHEDULE]
NOTED = spec("schedule", unmatched.CHANGES, group=GROUP, deps=[one.key for one in BOOKS])
CLOSED = [spec("closed", table, group=GROUP, deps=[one.key for one in SCHEDULE]) for table in contents.PARTS]
DIMENSIONS = [
    spec("dimensions", table, group=GROUP, deps=[one.key for one in [*BOOKS, *SCHEDULE]], owner=FINANCE)
    for table in dimensions.DIMENSIONS
]


@dg.multi_asset(name=nightly.CONTRACT_DATA.name, specs=BOOKS, description=nightly.contract_data.__doc__)
def contract_data(run: dg.ResourceParam[Run]) -> Said:
    yield from carried_out(run, nightly.CONTRACT_DATA)


@dg.multi_asset(
    name=nightly.SCHEDULE.name,
    specs=[*SCHEDULE, NOTED, *CLOSED, *DIMENSIONS],
    check_specs=[
        dg.AssetCheckSpec(name, asset=list(nightly.DEALS_MART), description=says) for name, says in nightly.DEAL_CHECKS.items()
    ],
    description=nightly.schedule.__doc__,
)
def schedule(run: dg.ResourceParam[Run]) -> Said:
    yield from carried_out(run, nightly.SCHEDULE)
