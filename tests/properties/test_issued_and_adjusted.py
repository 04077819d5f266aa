"""R-42, whatever happened run after run: what was issued for a period and its adjustments add up to what rating knows of it now."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl
import pytest
from hypothesis import given, settings

from rating import books
from rating.documents import Documents
from rating.invoicing import adjustments
from rating.rate import rate
from rating.usage import combinations
from tests.oracle.oracle import Oracle
from tests.properties.kernel import Kernel, together
from tests.properties.strategies import Run, Scenario, scenarios, usage_frame, write_books
from tests.properties.test_kernel_agrees_with_the_oracle import QUICKLY, THOROUGHLY

LINE = ["contract_id", "period_start", "kind", "pricing_code", "combination", "price_from"]


def amounts(documents: Documents, periods: pl.DataFrame) -> dict[tuple[object, ...], object]:
    """What each line of these periods comes to over all its documents, where that is not nothing. Fees in advance are lines of the
    period that they pay for, also those of initial invoices (R-104)."""
    invoices = documents.invoices.select("invoice_id", "contract_id", "period_start", document="kind")
    lines = (
        documents.lines.join(invoices, on="invoice_id")
        .filter((pl.col("document") != "initial") | pl.col("service_start").is_not_null())
        .with_columns(period_start=pl.coalesce("service_start", "period_start"))
        .join(periods, on=["contract_id", "period_start"], how="semi")
        .with_columns(combination=combinations.key(pl.col("group_values")))
        .group_by(LINE)
        .agg(pl.col("amount").sum())
        .filter(pl.col("amount") != 0)
    )
    return {row[:-1]: row[-1] for row in lines.iter_rows()}


def run_and_compare(kernel: Kernel, oracle: Oracle, scenario: Scenario, run: Run, folder: Path) -> None:
    """Run once more, and compare the issued periods that are still open with what rating makes of them alone."""
    usage = usage_frame(oracle.run(run.books, scenario.events, run.as_of, issue=run.issue).usage)
    here = write_books(run.books, folder)
    schedule, before = kernel.build_schedule(here, run.as_of), kernel.issued
    made = kernel.run(here, usage, run.as_of, issue=run.issue)
    read = books.load(here)
    originals = adjustments.issued_periods(before, read, run.as_of).filter(~pl.col("is_closed"))
    alone = rate(read, schedule, usage, Documents.none(), run.as_of, issue=False)
    assert amounts(together(before, made), originals) == amounts(alone, originals)


def live_through(scenario: Scenario) -> None:
    kernel, oracle = Kernel(), Oracle()
    with TemporaryDirectory() as folder:
        for n, run in enumerate(scenario.runs):
            run_and_compare(kernel, oracle, scenario, run, Path(folder) / str(n))


@settings(QUICKLY, max_examples=12)
@given(scenarios(most_runs=6, most_events=40))
def test_r42_issued_and_adjusted_is_what_rating_knows_now(scenario: Scenario) -> None:
    live_through(scenario)


@pytest.mark.full
@THOROUGHLY
@given(scenarios(most_runs=6, most_events=40))
def test_r42_issued_and_adjusted_is_what_rating_knows_now_for_long(scenario: Scenario) -> None:
    live_through(scenario)
