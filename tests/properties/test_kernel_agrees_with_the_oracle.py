"""Whatever an organization lives through, the kernel makes the documents that the oracle makes."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from tests.oracle.books import Books
from tests.oracle.calendar import windows
from tests.oracle.metering import Metering
from tests.oracle.oracle import Oracle
from tests.properties import agreement
from tests.properties.kernel import Kernel
from tests.properties.strategies import Run, Scenario, scenarios, usage_frame, write_books

# Shrinking a scenario of several runs takes minutes: the long version does it, the quick one only says what differs.
THOROUGHLY = settings(max_examples=2_000, deadline=None, suppress_health_check=list(HealthCheck), derandomize=False)
QUICKLY = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate])


def windows_of_the_oracle(run: Run) -> agreement.Facts:
    """Every window of every period that begins by an hour after the run (R-17, R-18)."""
    books = Books(run.books)
    found: agreement.Facts = Counter()
    for contract_id, periods in Metering(books, {}, [], run.as_of).periods.items():
        for period in periods:
            for window in windows(period, books.contracts[contract_id].changes()):
                times = (period.start, period.end, window.start, window.end)
                found[(contract_id, *(str(instant) for instant in times))] += 1
    return found


def disagreements(scenario: Scenario) -> list[str]:
    """Run by run, what one side states of this run's documents, lines and ledger entries and the other does not."""
    oracle, kernel = Oracle(), Kernel()
    found = []
    with TemporaryDirectory() as folder:
        for n, run in enumerate(scenario.runs):
            posted = len(oracle.memory.ledger)
            expected = oracle.run(run.books, scenario.events, run.as_of, issue=run.issue)
            here = write_books(run.books, Path(folder) / str(n))
            made = kernel.run(here, usage_frame(expected.usage), run.as_of, issue=run.issue)
            new = [i for i in expected.invoices if i.status == "draft" or i.issued_at == run.as_of]
            pairs = (
                (agreement.documents_of_the_oracle(new), agreement.documents_of_the_kernel(made)),
                (agreement.lines_of_the_oracle(new), agreement.lines_of_the_kernel(made)),
                (agreement.ledger_of_the_oracle(expected.ledger[posted:]), agreement.ledger_of_the_kernel(made)),
            )
            found += [f"run {n} {difference}" for pair in pairs for difference in agreement.differing(*pair)]
            if found:
                break  # what follows would only repeat it
    return found


def disagreeing_windows(scenario: Scenario) -> list[str]:
    run = scenario.runs[0]
    with TemporaryDirectory() as folder:
        schedule = Kernel().build_schedule(write_books(run.books, Path(folder)), run.as_of)
    return agreement.differing(windows_of_the_oracle(run), agreement.windows_of_the_kernel(schedule))


@QUICKLY
@given(scenarios(most_runs=1, most_events=0))
def test_they_lay_out_the_same_windows(scenario: Scenario) -> None:
    assert disagreeing_windows(scenario) == []


@QUICKLY
@given(scenarios(most_runs=1))
def test_they_make_the_same_documents_of_one_run(scenario: Scenario) -> None:
    assert disagreements(scenario) == []


@QUICKLY
@given(scenarios(most_runs=6))
def test_they_make_the_same_documents_run_after_run(scenario: Scenario) -> None:
    assert disagreements(scenario) == []


@pytest.mark.full
@THOROUGHLY
@given(scenarios(most_runs=6, most_events=40))
def test_they_agree_for_long(scenario: Scenario) -> None:
    assert disagreements(scenario) == []
