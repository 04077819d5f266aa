"""Groups `documents` and `finance`, the end of a run: what is issued becomes durable, then visible. Two renames."""

import dagster as dg

from dagster_project.defs.dbt_models import above
from dagster_project.defs.declared import FINANCE, Said, carried_out
from dagster_project.defs.partitions import billing_months, months_of, one_run
from dagster_project.pipeline import nightly
from dagster_project.pipeline.run import Run


@dg.multi_asset(
    name=nightly.ISSUED_DOCUMENTS.name,
    specs=[
        dg.AssetSpec(
            list(nightly.ISSUED),
            deps=sorted(above.keys),
            description=nightly.issued_documents.__doc__,
            group_name="documents",
            owners=[FINANCE],
            kinds={"parquet"},
            partitions_def=billing_months,
        )
    ],
    backfill_policy=one_run,
)
def issued_documents(context: dg.AssetExecutionContext, run: dg.ResourceParam[Run]) -> Said:
    yield from carried_out(run, nightly.ISSUED_DOCUMENTS, months_of(context, run))


@dg.multi_asset(
    name=nightly.PUBLISHED_MARTS.name,
    specs=[
        dg.AssetSpec(
            list(nightly.PUBLISHED),
            deps=[list(nightly.ISSUED)],
            description=nightly.published_marts.__doc__,
            group_name="finance",
            owners=[FINANCE],
            kinds={"duckdb"},
        )
    ],
)
def published_marts(run: dg.ResourceParam[Run]) -> Said:
    yield from carried_out(run, nightly.PUBLISHED_MARTS)
