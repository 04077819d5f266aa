"""A run through Dagster, in this process: its steps with Dagster's event log, for whoever keeps one (DAGSTER_HOME)."""

from __future__ import annotations

import warnings
from collections.abc import Iterator

import dagster as dg

from dagster_project.defs.declared import KIND, table_of
from dagster_project.defs.jobs import BACKFILL, RESOURCE
from dagster_project.defs.partitions import recorded_under
from dagster_project.pipeline.failure_report import FailureReport, Kind, defect
from dagster_project.pipeline.job import Outcome, concluded, outcome_of
from dagster_project.pipeline.run import Run
from dagster_project.pipeline.said import Checked
from rating.rate import EVERY_MONTH

# how Dagster names Ctrl-C, by where it meets it
INTERRUPTIONS = ("DagsterExecutionInterruptedError", "KeyboardInterrupt")
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


def carry_out_in_dagster(run: Run, job: dg.JobDefinition) -> Outcome:
    """Carry out a job on the instance of DAGSTER_HOME. As `job.carry_out_steps`, which does the same without Dagster."""
    tags = recorded_under(run.months or EVERY_MONTH, run.as_of) if job.name == BACKFILL else {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Dagster's notes on its own beta parameters
        try:
            with dg.DagsterInstance.get() as instance:
                result = job.execute_in_process(
                    run_config=QUIET,
                    instance=instance,
                    resources={RESOURCE: run},
                    tags=tags,
                    raise_on_error=False,
                )
        except dg.DagsterExecutionInterruptedError:
            raise KeyboardInterrupt from None
    checks = [
        Checked(
            table_of(one.asset_key),
            one.check_name,
            one.passed,
            one.description or "",
            blocking=one.severity == dg.AssetCheckSeverity.ERROR,
        )
        for one in result.get_asset_check_evaluations()
    ]
    outcome = outcome_of(checks)
    if result.success or outcome.broken:
        return outcome
    return concluded(next(_failures(result, run)), checks)


def _failures(result: dg.ExecuteInProcessResult, run: Run) -> Iterator[FailureReport]:
    """What the steps that failed say of it; of one that failed outside its own sentences, what Dagster says.

    Raises `KeyboardInterrupt` where one was interrupted: what others stumbled over then does not matter.
    """
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
