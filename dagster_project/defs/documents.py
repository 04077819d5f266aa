"""Groups `documents` and `finance`, the end of a run: what is issued becomes durable, then visible. Two renames."""

import dagster as dg

from dagster_project.defs.declared import FINANCE, POOL, Said, carried_out, code_of, key_of
from dagster_project.defs.partitions import billing_months, months_of, one_run
from dagster_project.pipeline import marts, models, nightly, steps
from dagster_project.pipeline.run import Run


def issued_documents() -> dg.AssetsDefinition:
    """The asset of what is issued, which rests on every mart."""

    @dg.multi_asset(
        name=nightly.ISSUED_DOCUMENTS.name,
        specs=[
            dg.AssetSpec(
                key_of(nightly.ISSUED),
                deps=sorted(key_of(models.table_of(node)) for node in nightly.models_of(steps.ABOVE).values()),
                description=nightly.issued_documents.__doc__,
                group_name="documents",
                owners=[FINANCE],
                kinds={"parquet"},
                metadata=code_of(steps.issue),
                partitions_def=billing_months,
            )
        ],
        backfill_policy=one_run,
        pool=POOL,
        can_subset=True,
    )
    def issued(context: dg.AssetExecutionContext, meterhouse_run: dg.ResourceParam[Run]) -> Said:
        yield from carried_out(context, meterhouse_run, nightly.ISSUED_DOCUMENTS, months_of(context, meterhouse_run))

    return issued


@dg.multi_asset(
    name=nightly.PUBLISHED_MARTS.name,
    specs=[
        dg.AssetSpec(
            key_of(nightly.PUBLISHED),
            deps=[key_of(nightly.ISSUED)],
            description=nightly.published_marts.__doc__,
            group_name="finance",
            owners=[FINANCE],
            kinds={"duckdb"},
            metadata=code_of(marts.publish),
            partitions_def=billing_months,
        )
    ],
    backfill_policy=one_run,
    pool=POOL,
    can_subset=True,
)
def published_marts(context: dg.AssetExecutionContext, meterhouse_run: dg.ResourceParam[Run]) -> Said:
    yield from carried_out(context, meterhouse_run, nightly.PUBLISHED_MARTS)
