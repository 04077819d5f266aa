"""A run through Dagster, in this process: the same job, assets and checks as at night."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from dagster_project.errors import Interrupted, UserError, sentences_of
from dagster_project.pipeline.failure_report import FailureReport, Kind, defect, describe_failure
from dagster_project.pipeline.run import Run, exclusive_run, refuse_the_past

if TYPE_CHECKING:
    import dagster as dg

# how Dagster names Ctrl-C, by where it meets it
INTERRUPTIONS = ("DagsterExecutionInterruptedError", "KeyboardInterrupt")
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


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


class _Removed(Exception):
    """What was derived and damaged has been removed, so that the next attempt builds it again."""

    def __init__(self, sentences: tuple[str, ...]) -> None:
        self.sentences = sentences
        super().__init__(*sentences)


def carry_out(run: Run, job_name: str) -> Outcome:
    """Carry a run out under the warehouse's lock; once more where something derived was damaged and had to be removed.

    Raises what a person can put right, `BooksError`, `WarehouseBusy`, `UserError`; and `Interrupted`.
    """
    try:
        return _attempt(run, job_name)
    except _Removed as removed:
        # what the first attempt knew, it read before it issued anything: the second knows nothing but the books
        outcome = _attempt(replace(run, books_read=run.books), job_name)
        return replace(outcome, cautions=(*removed.sentences, *outcome.cautions))


def _attempt(run: Run, job_name: str) -> Outcome:
    try:
        with exclusive_run(run):
            if run.land_new:
                refuse_the_past(run.warehouse, run.as_of)
            run.progress("Reading the books")
            _ = run.books
            run.progress("Starting Dagster")
            return _through_dagster(run, job_name)
    except KeyboardInterrupt:
        raise Interrupted("Interrupted. Run again: it goes on from what is done, and issues nothing twice.") from None
    except _Removed:
        raise
    except Exception as error:
        if sentences_of(error):
            raise
        return _concluded(describe_failure(error, run, "beginning the run"))


def _through_dagster(run: Run, job_name: str) -> Outcome:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Dagster's notes on its own beta parameters
        import dagster as dg

        from dagster_project.definitions import defs
        from dagster_project.defs.partitions import recorded_under
        from dagster_project.defs.rating import HELD_BACK

        job = defs.resolve_job_def(job_name)
        at_home = os.environ.get("DAGSTER_HOME")
        try:
            with dg.DagsterInstance.get() if at_home else dg.DagsterInstance.ephemeral() as instance:
                result = job.execute_in_process(
                    run_config=QUIET,
                    instance=instance,
                    resources={"run": run},
                    tags=recorded_under(run.as_of, run.months),
                    raise_on_error=False,
                )
        except dg.DagsterExecutionInterruptedError:
            raise KeyboardInterrupt from None
    evaluations = result.get_asset_check_evaluations()
    failed = [one for one in evaluations if not one.passed]
    cautions = [
        line for one in failed if one.severity == dg.AssetCheckSeverity.WARN for line in (one.description or "").splitlines()
    ]
    broken = [
        f"{one.asset_key.to_user_string()}: {one.check_name} failed. {one.description or ''}".strip()
        for one in failed
        if one.severity == dg.AssetCheckSeverity.ERROR and one.check_name != HELD_BACK
    ]
    held_back = [line for one in failed if one.check_name == HELD_BACK for line in (one.description or "").splitlines()]
    if result.success or broken:
        return Outcome(tuple(broken), tuple(cautions), held_back=tuple(held_back))
    return _concluded(next(_failures(result, run)), tuple(cautions))


def _concluded(failure: FailureReport, cautions: tuple[str, ...] = ()) -> Outcome:
    """How a run ends that could not go on."""
    if failure.kind is Kind.MISTAKE:
        raise UserError(*failure.sentences)
    if failure.kind is Kind.REMOVED:
        raise _Removed(failure.sentences)
    return Outcome((), cautions, failure.sentences)


def _failures(result: dg.ExecuteInProcessResult, run: Run) -> Iterator[FailureReport]:
    """What the steps that failed say of it; of one that failed outside its own sentences, what Dagster says.

    Raises `KeyboardInterrupt` where one was interrupted: what others stumbled over then does not matter.
    """
    from dagster_project.defs.declared import KIND

    folder = run.traces or run.warehouse.derived
    failed = [(event.step_key, event.step_failure_data) for event in result.all_events if event.is_step_failure]
    if any(data.error is not None and data.error.cls_name in INTERRUPTIONS for _, data in failed):
        raise KeyboardInterrupt
    for step, data in failed:
        said = data.user_failure_data
        if said is not None and said.description:
            yield FailureReport(Kind[str(said.metadata[KIND].value)], tuple(said.description.splitlines()))
        else:
            unforeseen = RuntimeError(data.error.to_string() if data.error else "the step failed")
            yield defect(unforeseen, f"carrying out {step}", folder)
    yield defect(RuntimeError("the run failed"), "carrying out the run", folder)
