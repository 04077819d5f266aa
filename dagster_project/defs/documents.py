"""Groups `documents` and `finance`, the end of a run: what is issued becomes durable, then visible. Two renames."""

import dagster as dg

from dagster_project.defs.dbt_models import above
from dagster_project.defs.declared import FINANCE, Materialized, report_failures
from dagster_project.defs.partitions import billing_months, months_of, one_run
from dagster_project.pipeline import steps
from dagster_project.pipeline.run import Run


@dg.asset(
    key=["documents", "issued"],
    deps=sorted(above.keys),
    group_name="documents",
    owners=[FINANCE],
    kinds={"parquet"},
    partitions_def=billing_months,
    backfill_policy=one_run,
)
def issued_documents(context: dg.AssetExecutionContext, run: dg.ResourceParam[Run]) -> Materialized:
    """Every document ever issued, with its lines and posted ledger entries. Appended only, a batch a run, by one rename."""
    with report_failures(run, "issuing"):
        batch = steps.issue(run, months_of(context, run))
    if batch is None:
        return dg.MaterializeResult(metadata={"issued": 0})
    return dg.MaterializeResult(
        metadata={
            "issued": batch.documents,
            "ledger_entries": batch.ledger_entries,
            "numbers": f"{batch.first_number} to {batch.last_number}",
            "folder": dg.MetadataValue.path(str(batch.folder)),
        }
    )


@dg.asset(key=["finance", "meterhouse"], deps=[issued_documents], group_name="finance", owners=[FINANCE], kinds={"duckdb"})
def published_marts(run: dg.ResourceParam[Run]) -> Materialized:
    """`meterhouse.duckdb`, what finance reads: the marts of the last run that balanced, replaced by one rename."""
    run.progress("Publishing")
    with report_failures(run, "publishing"):
        database = steps.publish(run)
        run.examiner.write_data_docs()
    return dg.MaterializeResult(
        metadata={
            "database": dg.MetadataValue.path(str(database)),
            "data_docs": dg.MetadataValue.path(str(run.warehouse.data_docs / "index.html")),
        }
    )
