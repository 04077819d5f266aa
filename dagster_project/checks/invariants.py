"""Laws that must hold of every run: a run that breaks one issues nothing (law 6).

What belongs here: what is always true of landed events and documents, proved from the frames themselves. What does not:
what is allowed but deserves a look (`review_warnings.py`), and what dbt tests of its own models.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import polars as pl

from dagster_project.landing import Landing
from rating.documents import Documents
from rating.vocabulary import DRAWN


@dataclass(frozen=True, slots=True)
class Proof:
    """Whether a law holds, in a sentence; `counterexamples` are the first rows that break it."""

    name: str
    holds: bool
    says: str
    counterexamples: pl.DataFrame = field(default_factory=pl.DataFrame)


SHOWN = 20


def _nobody(name: str, law: str, breaking: pl.DataFrame, thing: str) -> Proof:
    if breaking.is_empty():
        return Proof(name, True, law)
    return Proof(name, False, f"{law} Not so for {breaking.height:,} {thing}.", breaking.head(SHOWN))


def every_line_read_is_landed_or_quarantined(landed: Landing | None) -> Proof:
    """R-10: lines read = events landed + lines quarantined. landed: what this run landed; None where it landed nothing."""
    if landed is None:
        return Proof("lines_balance", True, "This run landed nothing.")
    lines = sum(file.lines for file in landed.files)
    says = f"{lines:,} lines read = {landed.events:,} events landed + {landed.quarantined:,} quarantined."
    return Proof("lines_balance", lines == landed.events + landed.quarantined, says)


def every_landed_version_has_one_disposition(landed: int, dispositions: pl.DataFrame) -> Proof:
    """R-12: landed = sum over dispositions. dispositions: disposition, events."""
    disposed = int(dispositions.get_column("events").sum())
    return Proof(
        "dispositions_balance",
        landed == disposed,
        f"{landed:,} landed versions, {disposed:,} with a disposition.",
        dispositions,
    )


def totals_are_sums_of_lines(documents: Documents) -> Proof:
    """R-3, R-40: subtotal and credits are sums of the lines, total = subtotal - credits."""
    # sums of amounts under 1e15 fit 38 digits for any number of lines that fits memory
    sums = documents.lines.group_by("invoice_id").agg(lines=pl.col("amount").sum(), credits=pl.col("credits_applied").sum())
    breaking = (
        documents.invoices.join(sums, on="invoice_id", how="left")
        .with_columns(pl.col("lines", "credits").fill_null(0))
        .filter(
            (pl.col("subtotal") != pl.col("lines"))
            | (pl.col("credits_applied") != pl.col("credits"))
            | (pl.col("total") != pl.col("subtotal") - pl.col("credits_applied"))
        )
        .select("invoice_id", "number", "subtotal", "lines", "credits_applied", "credits", "total")
    )
    return _nobody("totals_tie", "Every total is the sum of its rounded lines less their credits.", breaking, "documents")


def credits_on_lines_are_drawn_from_grants(documents: Documents) -> Proof:
    """R-32: what credits pay of a line is what the ledger drew for it."""
    line = ["invoice_id", "line_no"]
    drawn = documents.ledger.filter(pl.col("type").is_in(DRAWN)).group_by(line).agg(drawn=-pl.col("amount").sum())
    breaking = (
        documents.lines.select(*line, "credits_applied")
        .join(drawn, on=line, how="full", coalesce=True)
        .with_columns(pl.col("credits_applied", "drawn").fill_null(0))
        .filter(pl.col("credits_applied") != pl.col("drawn"))
    )
    return _nobody("credits_tie", "What credits pay of a line is what the ledger drew for it.", breaking, "lines")


def balances_run_and_stay_within_grants(ledger: pl.DataFrame) -> Proof:
    """R-32: the balance of a grant is the sum of its entries, never below zero."""
    balances = ledger.with_columns(balance=pl.col("amount").cum_sum().over("grant_id"))
    breaking = balances.filter((pl.col("balance") != pl.col("balance_after")) | (pl.col("balance_after") < 0)).select(
        "grant_id", "entry_id", "type", "amount", "balance", "balance_after", "status"
    )
    return _nobody("balances_tie", "Every balance is the sum of its grant's entries and never below zero.", breaking, "entries")


def numbers_have_no_gap(invoices: pl.DataFrame) -> Proof:
    """R-37: issued invoices are numbered INV-000001 … without a gap, drafts not at all."""
    issued = invoices.filter(pl.col("status") == "issued").select(
        "invoice_id", number=pl.col("number").str.strip_prefix("INV-").cast(pl.Int64)
    )
    breaking = (
        issued.sort("number")
        .with_columns(expected=pl.int_range(1, pl.len() + 1))
        .filter(pl.col("number").ne_missing(pl.col("expected")))
    )
    numbered_drafts = invoices.filter(pl.col("status") == "draft", pl.col("number").is_not_null())
    if not numbered_drafts.is_empty():
        return _nobody(
            "numbers_have_no_gap", "A draft has no number.", numbered_drafts.select("invoice_id", "number"), "documents"
        )
    return _nobody("numbers_have_no_gap", "Invoice numbers run from INV-000001 without a gap.", breaking, "documents")


def of_documents(documents: Documents, before: Documents | None = None) -> list[Proof]:
    """Every law of documents. before: what was issued before them, whose numbers and balances theirs go on from."""
    earlier = before or Documents.none()
    ledger = pl.concat([earlier.ledger, documents.ledger])
    return [
        totals_are_sums_of_lines(documents),
        credits_on_lines_are_drawn_from_grants(documents),
        balances_run_and_stay_within_grants(ledger),
        numbers_have_no_gap(pl.concat([earlier.invoices, documents.invoices])),
    ]


LAWS_OF_DOCUMENTS = {
    "totals_tie": "Every total is the sum of its rounded lines less their credits (R-3, R-40).",
    "credits_tie": "What credits pay of a line is what the ledger drew for it (R-32).",
    "balances_tie": "Every balance is the sum of its grant's entries and never below zero (R-32).",
    "numbers_have_no_gap": "Invoice numbers run from INV-000001 without a gap (R-37).",
}
