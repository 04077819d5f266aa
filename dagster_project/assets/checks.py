"""Checks beside the graph: Great Expectations at its two doors, balance of dispositions, and what deserves a look."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import dagster as dg

from dagster_project import cautions, gate, proofs, steps
from dagster_project.assets.declared import as_check, in_sentences, shown
from dagster_project.assets.landing import QUARANTINE
from dagster_project.assets.rating import INVOICE_LINES, INVOICES, LEDGER, USAGE
from dagster_project.cautions import Caution
from dagster_project.expectations.examiner import Verdict
from dagster_project.outlook import outlooks
from dagster_project.run import Run
from rating import tables
from rating.rate import EVERY_MONTH

RECONCILIATION = dg.AssetKey(["marts", "reconciliation"])


@dg.asset_check(asset=USAGE, name="expectations", blocking=True)
def usage_expectations(run: dg.ResourceParam[Run]) -> dg.AssetCheckResult:
    """Every row of usage looks as it must (Great Expectations; the pages are in data_docs)."""
    run.progress("Checking usage")
    with in_sentences(run, "checking usage"):
        steps.write_usage(run)
        verdicts = run.examiner.examine("usage", run.warehouse.usage / "usage.parquet", steps.known_codes(run))
    gate.hold(run.warehouse, run.as_of, gate.USAGE_EXPECTATIONS, holds=all(verdict.holds for verdict in verdicts))
    return _as_result(verdicts)


@dg.asset_check(asset=INVOICE_LINES, name="expectations", blocking=True)
def line_expectations(run: dg.ResourceParam[Run]) -> dg.AssetCheckResult:
    """Every line of a document looks as it must (Great Expectations; the pages are in data_docs)."""
    run.progress("Checking lines")
    lines = run.warehouse.documents / f"{tables.INVOICE_LINES.name}.parquet"
    with in_sentences(run, "checking lines"):
        verdicts = run.examiner.examine("invoice_lines", lines, steps.known_codes(run))
    gate.hold(run.warehouse, run.as_of, gate.LINE_EXPECTATIONS, holds=all(verdict.holds for verdict in verdicts))
    return _as_result(verdicts)


@dg.asset_check(asset=RECONCILIATION, blocking=True)
def dispositions_balance(run: dg.ResourceParam[Run]) -> dg.AssetCheckResult:
    """Every landed version has exactly one disposition: landed = sum over dispositions (R-12)."""
    with in_sentences(run, "counting dispositions"):
        proof = proofs.every_landed_version_has_one_disposition(steps.landed_versions(run), steps.dispositions(run))
    gate.hold(run.warehouse, run.as_of, gate.DISPOSITIONS, holds=proof.holds)
    return as_check(proof, RECONCILIATION.path)


def _as_result(verdicts: Sequence[Verdict]) -> dg.AssetCheckResult:
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


def _look(asset: dg.AssetKey, name: str, what: str, look: Callable[[Run], Caution]) -> dg.AssetChecksDefinition:
    """A check that warns and stops nothing."""

    @dg.asset_check(asset=asset, name=name, description=what)
    def check(run: dg.ResourceParam[Run]) -> dg.AssetCheckResult:
        with in_sentences(run, "looking for what deserves a look"):
            found = look(run)
        return dg.AssetCheckResult(
            passed=not found.sentences,
            severity=dg.AssetCheckSeverity.WARN,
            description="\n".join(found.sentences),
            metadata={"rows": shown(found.rows)} if found.rows.height else {},
        )

    return check


def _fallback_share(run: Run) -> Caution:
    return cautions.fallback_share(steps.documents_of(run), run.books, steps.near_misses(run))


def _long_documents(run: Run) -> Caution:
    return cautions.long_documents(steps.documents_of(run), run.books)


def _months_left_behind(run: Run) -> Caution:
    months = run.months or EVERY_MONTH
    return cautions.months_left_behind(run.books, run.schedule.periods, run.issued, run.as_of, months)


def _depleted_grants(run: Run) -> Caution:
    return cautions.depleted_grants(steps.documents_of(run))


def _wallets_running_dry(run: Run) -> Caution:
    documents, books = steps.written_documents(run), run.books
    return cautions.wallets_running_dry(
        outlooks(documents.ledger, documents.invoices, books.credit_grants, books.contracts, run.as_of)
    )


def _unmatched_events(run: Run) -> Caution:
    return cautions.unmatched_events(steps.dispositions(run))


def _quarantined_lines(run: Run) -> Caution:
    return cautions.quarantined_lines(steps.quarantine_reasons(run))


looks = [
    _look(INVOICE_LINES, "fallback_share", "How much usage found no price of its own.", _fallback_share),
    _look(INVOICES, "long_documents", "Documents too long to read.", _long_documents),
    _look(INVOICES, "months_left_behind", "Earlier months that are due and not issued.", _months_left_behind),
    _look(LEDGER, "depleted_grants", "Wallets with nothing left.", _depleted_grants),
    _look(LEDGER, "wallets_running_dry", "Wallets that will not last until they lapse.", _wallets_running_dry),
    _look(RECONCILIATION, "unmatched_events", "Events that nobody is billed for, by reason.", _unmatched_events),
    _look(QUARANTINE, "quarantined_lines", "Lines that are no event, by reason.", _quarantined_lines),
]
