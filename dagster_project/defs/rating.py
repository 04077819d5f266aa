"""Group `rating`: usage becomes documents."""

import dagster as dg

from dagster_project.checks import attention, invariants
from dagster_project.defs import books
from dagster_project.defs.declared import FINANCE, POOL, Said, carried_out, key_of, spec
from dagster_project.defs.partitions import months_of, one_run
from dagster_project.pipeline import nightly, steps
from dagster_project.pipeline.run import Run
from rating import tables
from rating.books import LETTERHEADS as LETTERHEADS_TABLE

GROUP = "rating"
READ = [key_of(nightly.USAGE), *books.READ]
DOCUMENTS = [
    spec("rating", table, group=GROUP, deps=READ, owner=FINANCE, made_by=steps.rate_usage) for table in tables.DOCUMENT_TABLES
]
RECONCILED = spec("rating", steps.RECONCILED_AMOUNTS, group=GROUP, deps=READ, made_by=steps.write_documents)
RATED_PERIODS, UNBILLED_USAGE = (
    spec("rating", table, group=GROUP, deps=READ, made_by=steps.write_documents)
    for table in (tables.RATED_PERIODS, tables.UNBILLED_USAGE)
)
LETTERHEADS = spec("rating", LETTERHEADS_TABLE, group=GROUP, deps=READ, owner=FINANCE, made_by=steps.write_documents)
ATTENTION = spec("rating", attention.ATTENTION, group=GROUP, deps=READ, made_by=steps.look_for_attention)


@dg.multi_asset(
    name=nightly.RATED_DOCUMENTS.name,
    specs=[*DOCUMENTS, RATED_PERIODS, UNBILLED_USAGE, RECONCILED, LETTERHEADS, ATTENTION],
    check_specs=[
        dg.AssetCheckSpec(name, asset=key_of(nightly.INVOICES), blocking=True, description=law)
        for name, law in invariants.LAWS_OF_DOCUMENTS.items()
    ]
    + [
        dg.AssetCheckSpec(
            nightly.HELD_BACK, asset=key_of(nightly.INVOICES), description="Every contract could be rated (R-2, R-47)."
        )
    ],
    backfill_policy=one_run,
    pool=POOL,
    can_subset=True,
    description=nightly.rated_documents.__doc__,
)
def rated_documents(context: dg.AssetExecutionContext, meterhouse_run: dg.ResourceParam[Run]) -> Said:
    yield from carried_out(context, meterhouse_run, nightly.RATED_DOCUMENTS, months_of(context, meterhouse_run))
