"""Checks beside the graph: Great Expectations at its two doors, balance of dispositions, and what deserves a look."""

from __future__ import annotations

from collections.abc import Sequence

import dagster as dg
import polars as pl

from dagster_project.checks import attention, gate, invariants
from dagster_project.checks.expectations.client import ExpectationResult
from dagster_project.defs.declared import as_check, report_failures, to_markdown
from dagster_project.defs.rating import INVOICE_LINES, INVOICES, LEDGER, USAGE
from dagster_project.pipeline import steps
from dagster_project.pipeline.run import Run
from rating import tables
from rating.vocabulary import UNMATCHED

MOST_SAID = 20
RECONCILIATION = dg.AssetKey(["marts", "reconciliation"])


@dg.asset_check(asset=USAGE, name="expectations", blocking=True)
def usage_expectations(run: dg.ResourceParam[Run]) -> dg.AssetCheckResult:
    """Every row of usage looks as it must (Great Expectations; the pages are in data_docs)."""
    run.progress("Checking usage")
    with report_failures(run, "checking usage"):
        steps.write_usage(run)
        verdicts = run.examiner.examine("usage", run.warehouse.usage / "usage.parquet", steps.known_codes(run))
    gate.hold(run.warehouse, run.as_of, gate.USAGE_EXPECTATIONS, holds=all(verdict.holds for verdict in verdicts))
    return _as_result(verdicts)


@dg.asset_check(asset=INVOICE_LINES, name="expectations", blocking=True)
def line_expectations(run: dg.ResourceParam[Run]) -> dg.AssetCheckResult:
    """Every line of a document looks as it must (Great Expectations; the pages are in data_docs)."""
    run.progress("Checking lines")
    lines = run.warehouse.documents / f"{tables.INVOICE_LINES.name}.parquet"
    with report_failures(run, "checking lines"):
        verdicts = run.examiner.examine("invoice_lines", lines, steps.known_codes(run))
    gate.hold(run.warehouse, run.as_of, gate.LINE_EXPECTATIONS, holds=all(verdict.holds for verdict in verdicts))
    return _as_result(verdicts)


@dg.asset_check(asset=RECONCILIATION, blocking=True)
def dispositions_balance(run: dg.ResourceParam[Run]) -> dg.AssetCheckResult:
    """Every landed version has exactly one disposition: landed = sum over dispositions (R-12)."""
    with report_failures(run, "counting dispositions"):
        proof = invariants.every_landed_version_has_one_disposition(steps.landed_versions(run), steps.dispositions(run))
    gate.hold(run.warehouse, run.as_of, gate.DISPOSITIONS, holds=proof.holds)
    return as_check(proof, RECONCILIATION.path)


def _as_result(verdicts: Sequence[ExpectationResult]) -> dg.AssetCheckResult:
    failed = [verdict for verdict in verdicts if not verdict.holds]
    rows = [
        f"| {'yes' if one.holds else '**no**'} | {one.says} | {one.unexpected} | {', '.join(one.examples)} |"
        for one in verdicts
    ]
    return dg.AssetCheckResult(
        passed=not failed,
        description="; ".join(f"{one.says}: {one.unexpected} values ({', '.join(one.examples)})" for one in failed)
        or f"{len(verdicts)} expectations hold.",
        metadata={
            "verdicts": dg.MetadataValue.md(
                "\n".join(["| holds | expectation | unexpected | for example |", "| --- | --- | --- | --- |", *rows])
            )
        },
    )


def _look(asset: dg.AssetKey, name: str, what: str, codes: Sequence[str]) -> dg.AssetChecksDefinition:
    """A check that warns and stops nothing: what of marts.attention has one of these codes and nobody has acknowledged."""

    @dg.asset_check(asset=asset, name=name, description=what)
    def check(run: dg.ResourceParam[Run]) -> dg.AssetCheckResult:
        with report_failures(run, "looking for what deserves a look"):
            found = attention.shown(steps.attention_rows(run), run.as_of).filter(pl.col("code").is_in([*codes]))
        said = found.get_column("sentence").head(MOST_SAID)
        more = [f"{found.height - MOST_SAID:,} more are in marts.attention."] if found.height > MOST_SAID else []
        return dg.AssetCheckResult(
            passed=found.is_empty(),
            severity=dg.AssetCheckSeverity.WARN,
            description="\n".join([*said, *more]),
            metadata={"rows": to_markdown(found)} if found.height else {},
        )

    return check


looks = [
    _look(INVOICE_LINES, "fallback_share", "How much usage found no price of its own.", ["fallback_share"]),
    _look(INVOICES, "long_documents", "Documents too long to read.", ["long_documents"]),
    _look(INVOICES, "months_left_behind", "Earlier months that are due and not issued.", ["months_left_behind"]),
    _look(LEDGER, "depleted_grants", "Wallets with nothing left.", ["depleted_grants"]),
    _look(LEDGER, "wallets_running_dry", "Wallets that will not last until they expire.", ["wallets_running_dry"]),
    _look(RECONCILIATION, "unmatched_events", "Events that nobody is billed for, by reason.", [*UNMATCHED, "too_late"]),
    _look(
        RECONCILIATION,
        "suspicious_keys",
        "Idempotency keys that supersede events which are no resends.",
        ["suspicious_keys_no_key", "suspicious_keys_customers"],
    ),
    _look(RECONCILIATION, "quarantined_lines", "Lines that are no event, by file and reason.", ["quarantined_lines"]),
    _look(
        RECONCILIATION,
        "what_nobody_reads",
        "Fields that nobody reads, times made up or without an hour, in the files of this run.",
        ["unread_field", "time_made_up", "bare_date"],
    ),
]
