"""Group `books`: contract data as typed frames, and the same laid out in time (R-5, R-17, R-18)."""

import dagster as dg

from dagster_project.defs.declared import FINANCE, POOL, Said, carried_out, key_of, spec
from dagster_project.defs.partitions import one_run
from dagster_project.pipeline import dimensions, nightly, steps
from dagster_project.pipeline.run import Run
from dagster_project.warehouse import contents, unmatched
from rating import tables

GROUP = "books"
BOOKS = [
    spec("books", table, group=GROUP, owner=FINANCE, kinds=("yaml", "parquet"), made_by=steps.lay_books)
    for table in tables.BOOKS_TABLES
]
SCHEDULE = [
    spec("schedule", table, group=GROUP, deps=[one.key for one in BOOKS], made_by=steps.lay_schedule)
    for table in steps.SCHEDULE
]
NOTED = spec("schedule", unmatched.CHANGES, group=GROUP, deps=[one.key for one in BOOKS], made_by=unmatched.changes)
CLOSED = [
    spec("closed", table, group=GROUP, deps=[one.key for one in SCHEDULE], made_by=steps.lay_schedule)
    for table in contents.PARTS
]
READ = [one.key for one in [*BOOKS, *SCHEDULE]]
# no edge from deals/drafts: it has no months, and what has them would come in a run of its own after it (`defs/deals.py`)
DIMENSIONS = [
    spec("dimensions", table, group=GROUP, deps=READ, owner=FINANCE, made_by=dimensions.dimensions)
    for table in dimensions.DIMENSIONS
]


@dg.multi_asset(
    name=nightly.CONTRACT_DATA.name,
    specs=BOOKS,
    description=nightly.contract_data.__doc__,
    backfill_policy=one_run,
    pool=POOL,
    can_subset=True,
)
def contract_data(context: dg.AssetExecutionContext, meterhouse_run: dg.ResourceParam[Run]) -> Said:
    yield from carried_out(context, meterhouse_run, nightly.CONTRACT_DATA)


@dg.multi_asset(
    name=nightly.SCHEDULE.name,
    specs=[*SCHEDULE, NOTED, *CLOSED, *DIMENSIONS],
    check_specs=[
        dg.AssetCheckSpec(name, asset=key_of(nightly.DEALS_MART), description=says)
        for name, says in nightly.DEAL_CHECKS.items()
    ],
    description=nightly.schedule.__doc__,
    backfill_policy=one_run,
    pool=POOL,
    can_subset=True,
)
def schedule(context: dg.AssetExecutionContext, meterhouse_run: dg.ResourceParam[Run]) -> Said:
    yield from carried_out(context, meterhouse_run, nightly.SCHEDULE)
