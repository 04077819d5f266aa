"""Group `rating`: usage becomes documents. The kernel decides; this module calls it and proves what it says."""

from typing import Any

import dagster as dg
import polars as pl

from dagster_project.checks import attention, gate, invariants
from dagster_project.defs import books
from dagster_project.defs.declared import FINANCE, Said, as_check, report_failures, spec, to_markdown
from dagster_project.defs.partitions import months_of, one_run
from dagster_project.pipeline import steps
from dagster_project.pipeline.run import Run
from dagster_project.warehouse import issued
from rating import tables
from rating.documents import Documents

GROUP = "rating"
HELD_BACK = "every_contract_is_rated"
USAGE = dg.AssetKey(["intermediate", "int_usage"])
INVOICES = dg.AssetKey(["rating", "invoices"])
INVOICE_LINES = dg.AssetKey(["rating", "invoice_lines"])
LEDGER = dg.AssetKey(["rating", "credit_ledger"])
READ = [USAGE, *(one.key for one in [*books.BOOKS, *books.SCHEDULE])]
DOCUMENTS = [spec("rating", table, group=GROUP, deps=READ, owner=FINANCE, monthly=True) for table in tables.DOCUMENT_TABLES]
RECONCILED = spec("rating", steps.RECONCILED_AMOUNTS, group=GROUP, deps=READ, monthly=True)
ATTENTION = spec("rating", attention.ATTENTION, group=GROUP, deps=READ, monthly=True)


@dg.multi_asset(
    name="rated_documents",
    specs=[*DOCUMENTS, RECONCILED, ATTENTION],
    check_specs=[
        dg.AssetCheckSpec(name, asset=INVOICES, blocking=True, description=law)
        for name, law in invariants.LAWS_OF_DOCUMENTS.items()
    ]
    # not blocking: the documents of all other contracts are issued
    + [dg.AssetCheckSpec(HELD_BACK, asset=INVOICES, description="Every contract could be rated (R-2, R-47).")],
    backfill_policy=one_run,
)
def rated_documents(context: dg.AssetExecutionContext, run: dg.ResourceParam[Run]) -> Said:
    """Rate every month that still has something to do; prove that what comes out ties."""
    run.progress("Rating")
    with report_failures(run, "rating"):
        now, held_back = steps.rate_usage(run, steps.usage(run), months_of(context, run))
        every = steps.write_documents(run, now, held_back)
        rows = steps.look_for_attention(run, every, months_of(context, run))
    for declared, (_, frame) in zip(DOCUMENTS, issued.by_table(every), strict=True):
        figures: dict[str, Any] = {"dagster/row_count": frame.height}
        if declared.key == INVOICES:
            figures |= {
                "issued_by_this_run": now.with_status("issued").invoices.height,
                "money": to_markdown(money_by_month(now)),
            }
        yield dg.MaterializeResult(asset_key=declared.key, metadata=figures)
    yield dg.MaterializeResult(asset_key=RECONCILED.key)
    yield dg.MaterializeResult(asset_key=ATTENTION.key, metadata={"dagster/row_count": rows.height})
    with report_failures(run, "proving that documents tie"):
        held = invariants.of_documents(every)
    gate.hold(run.warehouse, run.as_of, gate.LAWS, holds=all(proof.holds for proof in held))
    for proof in held:
        yield as_check(proof, INVOICES.path)
    yield dg.AssetCheckResult(
        passed=held_back.is_empty(),
        asset_key=INVOICES,
        check_name=HELD_BACK,
        description="\n".join(held_back.get_column("reason")),
        metadata={"rows": to_markdown(held_back)} if held_back.height else {},
    )


def money_by_month(documents: Documents) -> pl.DataFrame:
    """month, and for each currency and status the number of documents and their total."""
    return (
        documents.invoices.group_by("month", "currency", "status")
        .agg(pl.len().alias("documents"), pl.col("total").sum())
        .sort("month", "currency", "status")
    )
