"""A run carried out: the pipeline's steps one by one, and how it ended in sentences.

What belongs here: the lock, what stops a run, and what it says of a failure. What does not: the steps (`nightly.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

import polars as pl

from dagster_project.errors import Interrupted, UserError, sentences_of
from dagster_project.pipeline.failure_report import FailureReport, Kind, chain, describe_failure
from dagster_project.pipeline.nightly import HELD_BACK, STEPS, Step
from dagster_project.pipeline.run import Run, exclusive_run, refuse_the_past
from dagster_project.pipeline.said import Checked, Made
from rating.rate import EVERY_MONTH, Months

UNFORESEEN = (Exception, pl.exceptions.PanicException)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended. broken: sentences about blocking checks that failed; cautions: warnings; defect: sentences about a failure
    that nobody foresaw; held_back: about contracts that could not be rated, where all others were (R-47)."""

    broken: tuple[str, ...]
    cautions: tuple[str, ...]
    defect: tuple[str, ...] = ()
    held_back: tuple[str, ...] = ()

    @property
    def balanced(self) -> bool:
        return not self.broken and not self.defect


class StepFailed(Exception):
    """A step could not go on; `report` says why, in sentences."""

    def __init__(self, report: FailureReport) -> None:
        self.report = report
        super().__init__(*report.sentences)


class _Removed(Exception):
    """What was derived and damaged has been removed, so that the next attempt builds it again."""

    def __init__(self, sentences: tuple[str, ...]) -> None:
        self.sentences = sentences
        super().__init__(*sentences)


CarryOut = Callable[[Run], Outcome]


def run_job(run: Run, carry_out: CarryOut | None = None) -> Outcome:
    """Carry a run out under the warehouse's lock; once more where something derived was damaged and had to be removed.

    carry_out: carries out the steps; plainly, one after the other, where it is absent.
    Raises what a person can put right, `BooksError`, `WarehouseBusy`, `UserError`; and `Interrupted`.
    """
    carry_out = carry_out or carry_out_steps
    try:
        return _attempt(run, carry_out)
    except _Removed as removed:
        # what the first attempt knew, it read before it issued anything: the second knows nothing but the books
        outcome = _attempt(replace(run, books_read=run.books), carry_out)
        return replace(outcome, cautions=(*removed.sentences, *outcome.cautions))


def _attempt(run: Run, carry_out: CarryOut) -> Outcome:
    try:
        with exclusive_run(run):
            if run.land_new:
                refuse_the_past(run.warehouse, run.as_of)
            run.progress("Reading the books")
            _ = run.books
            return carry_out(run)
    except KeyboardInterrupt:
        raise Interrupted("Interrupted. Run again: it goes on from what is done, and issues nothing twice.") from None
    except _Removed:
        raise
    except Exception as error:
        if sentences_of(error):
            raise
        return concluded(describe_failure(error, run, "beginning the run"), [])


def carry_out_steps(run: Run) -> Outcome:
    """Carry out the pipeline's steps in order. A blocking check that fails is the end: nothing after it is done (law 6)."""
    checked: list[Checked] = []
    for step in STEPS:
        try:
            mine = [one for one in said_by(step, run, run.months or EVERY_MONTH) if isinstance(one, Checked)]
        except StepFailed as failed:
            return concluded(failed.report, checked)
        checked += mine
        if any(one.blocking and not one.passed for one in mine):
            break
    return outcome_of(checked)


def said_by(step: Step, run: Run, months: Months) -> Iterator[Made | Checked]:
    """What a step says, as it goes. Raises `StepFailed` with sentences, whatever goes wrong (law 10); Ctrl-C goes through."""
    run.progress(step.says)
    try:
        yield from step.work(run, months)
    except UNFORESEEN as error:
        if interruption := next((one for one in chain(error) if not isinstance(one, UNFORESEEN)), None):
            raise interruption from None  # Ctrl-C, and what somebody stumbled over because of it
        raise StepFailed(describe_failure(error, run, step.doing)) from error


def outcome_of(checked: Iterable[Checked]) -> Outcome:
    """How a run ended whose steps all said what they had to."""
    failed = [one for one in checked if not one.passed]
    asked = [one for one in failed if not one.blocking and one.name != HELD_BACK]
    return Outcome(
        broken=tuple(one.failure for one in failed if one.blocking),
        cautions=tuple(line for one in asked for line in one.says.splitlines()),
        held_back=tuple(line for one in failed if one.name == HELD_BACK for line in one.says.splitlines()),
    )


def concluded(report: FailureReport, checked: Iterable[Checked]) -> Outcome:
    """How a run ends that could not go on, after what was checked before."""
    if report.kind is Kind.MISTAKE:
        raise UserError(*report.sentences)
    if report.kind is Kind.REMOVED:
        raise _Removed(report.sentences)
    return replace(outcome_of(checked), broken=(), held_back=(), defect=report.sentences)
