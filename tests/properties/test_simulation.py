"""R-85 over random histories and books: what differs between two sets of books, and between what is and what was invoiced."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl
import pytest
from hypothesis import given, settings

from dagster_project.pipeline.simulation import FIGURES, GROUPS, TABLES, compare, lines_of
from rating import books
from rating.documents import Documents
from rating.invoicing import adjustments
from rating.rate import EVERY_MONTH, rate
from rating.schedule import build_schedule
from tests.oracle.oracle import Oracle
from tests.properties.kernel import Kernel, together
from tests.properties.random_books import Mapping
from tests.properties.strategies import Scenario, scenarios, usage_frame, write_books
from tests.properties.test_kernel_agrees_with_the_oracle import QUICKLY, THOROUGHLY


def as_if_nothing_was_issued(said: Mapping, scenario: Scenario, as_of: datetime, folder: Path) -> Documents:
    """One side of a simulation: everything that has landed, under these books."""
    read = books.load(write_books(said, folder))
    usage = usage_frame(Oracle().run(said, scenario.events, as_of, issue=False).usage)
    return rate(read, build_schedule(read, as_of), usage, Documents.none(), as_of)


def tables_of(before: pl.DataFrame, after: pl.DataFrame) -> dict[str, pl.DataFrame]:
    return {name: compare(before, after, table=table, key=GROUPS[name]) for name, table in TABLES.items()}


def exchange_books(scenario: Scenario) -> None:
    old, new, as_of = scenario.runs[0].books, scenario.runs[-1].books, scenario.runs[-1].as_of
    with TemporaryDirectory() as folder:
        before, after, again = (
            lines_of(as_if_nothing_was_issued(said, scenario, as_of, Path(folder) / str(nth)), EVERY_MONTH, [])
            for nth, said in enumerate((old, new, old))
        )
    there, back, nothing = tables_of(before, after), tables_of(after, before), tables_of(before, again)
    whole = (after.select(pl.col(FIGURES).sum()) - before.select(pl.col(FIGURES).sum())).row(0)
    for name, frame in there.items():
        assert set(nothing[name].get_column("change")) <= {"same"}
        assert frame.select(pl.col(f"{figure}_difference").sum() for figure in FIGURES).row(0) == whole
        for figure in FIGURES:
            assert frame.get_column(f"{figure}_difference").equals(-back[name].get_column(f"{figure}_difference"))


def hold_against_what_is_invoiced(scenario: Scenario) -> None:
    """The history under one set of books: documents and adjustments, drafts too, come to what the simulation says.

    Where a period has closed, events that came too late count in a simulation alone; such histories are passed over.
    """
    said = scenario.runs[0].books
    kernel, oracle = Kernel(), Oracle()
    with TemporaryDirectory() as folder:
        here = write_books(said, Path(folder) / "books")
        made = Documents.none()
        for run in scenario.runs:
            usage = usage_frame(oracle.run(said, scenario.events, run.as_of, issue=run.issue).usage)
            made = kernel.run(here, usage, run.as_of, issue=run.issue)
        as_of = scenario.runs[-1].as_of
        if adjustments.issued_periods(kernel.issued, books.load(here), as_of).get_column("is_closed").any():
            return
        simulated = as_if_nothing_was_issued(said, scenario, as_of, Path(folder) / "simulated")
    invoiced = together(kernel.issued, made.with_status("draft"))
    sides = [lines_of(documents, EVERY_MONTH, []) for documents in (simulated, invoiced)]
    by_contract = tables_of(*sides)["by_contract"]
    assert not any(by_contract.get_column("subtotal_difference"))


@settings(QUICKLY, max_examples=10)
@given(scenarios())
def test_r85_exchanging_the_books_changes_every_sign(scenario: Scenario) -> None:
    exchange_books(scenario)


@settings(QUICKLY, max_examples=10)
@given(scenarios())
def test_r85_what_is_is_what_is_invoiced(scenario: Scenario) -> None:
    hold_against_what_is_invoiced(scenario)


@pytest.mark.full
@THOROUGHLY
@given(scenarios())
def test_r85_exchanging_the_books_changes_every_sign_for_long(scenario: Scenario) -> None:
    exchange_books(scenario)


@pytest.mark.full
@THOROUGHLY
@given(scenarios(most_runs=6))
def test_r85_what_is_is_what_is_invoiced_for_long(scenario: Scenario) -> None:
    hold_against_what_is_invoiced(scenario)
