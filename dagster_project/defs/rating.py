"""Group `rating`: usage becomes documents."""

import dagster as dg

from dagster_project.checks import attention, invariants
from dagster_project.defs import books
from dagster_project.defs.declared import FINANCE, Said, carried_out, spec
from dagster_project.defs.partitions import months_of, one_run
from dagster_project.pipeline import nightly, steps
from dagster_project.pipeline.run import Run
from rating import tables
from rating.books import LETTERHEADS as LETTERHEADS_TABLE

GROUP = "rating"
READ = [dg.AssetKey(nightly.USAGE), *(one.key for one in [*books.BOOKS, *books.SCHEDULE])]
DOCUMENTS = [spec("rating", table, group=GROUP, deps=READ, owner=FINANCE, monthly=True) for table in tables.DOCUMENT_TABLES]
RECONCILED = spec("rating", steps.RECONCILED_AMOUNTS, group=GROUP, deps=READ, monthly=True)
RATED_PERIODS, UNBILLED_USAGE = (
    spec("rating", table, group=GROUP, deps=READ, monthly=True) for table in (tables.RATED_PERIODS, tables.UNBILLED_USAGE)
)
LETTERHEADS = spec("rating", LETTERHEADS_TABLE, group=GROUP, deps=READ, owner=FINANCE, monthly=True)
ATTENTION = spec("rating", attention.ATTENTION, group=GROUP, deps=READ, monthly=True)


@dg.multi_asset(
    name=nightly.RATED_DOCUMENTS.name,
    specs=[*DOCUMENTS, RATED_PERIODS, UNBILLED_USAGE, RECONCILED, LETTERHEADS, ATTENTION],
    check_specs=[
        dg.AssetCheckSpec(name, asset=list(nightly.INVOICES), blocking=True, description=law)
        for name, law in invariants.LAWS_OF_DOCUMENTS.items()
    ]
    + [
        dg.AssetCheckSpec(
            nightly.HELD_BACK, asset=list(nightly.INVOICES), description="Every contract could be rated (R-2, R-47)."
        )
    ],
    backfill_policy=one_run,
    description=nightly.rated_documents.__doc__,
)
def rated_documents(context: dg.AssetExecutionContext, run: dg.ResourceParam[Run]) -> Said:
    yield from carried_out(run, nightly.RATED_DOCUMENTS, months_of(context, run))
