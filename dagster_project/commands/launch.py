"""A run through Dagster, in this process: the same job, assets and checks as at night."""

from __future__ import annotations

import os
import warnings
from dataclasses import dataclass

from dagster_project.mistakes import Mistake
from dagster_project.run import Run, at_work, refuse_the_past

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended. broken: sentences about blocking checks that failed and steps that could not go on; cautions: warnings."""

    broken: tuple[str, ...]
    cautions: tuple[str, ...]

    @property
    def balanced(self) -> bool:
        return not self.broken


def carry_out(run: Run, job_name: str) -> Outcome:
    """Carry a run out under the warehouse's lock.

    Raises what a person can put right before anything is written: `BooksError`, `WarehouseBusy`, `Mistake`.
    """
    with at_work(run):
        if run.land_new:
            refuse_the_past(run.warehouse, run.as_of)
        run.progress("Reading the books")
        _ = run.books
        run.progress("Starting Dagster")
        return _through_dagster(run, job_name)


def _through_dagster(run: Run, job_name: str) -> Outcome:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Dagster's notes on its own beta parameters
        import dagster as dg

        from dagster_project.definitions import defs
        from dagster_project.partitions import recorded_under

        job = defs.resolve_job_def(job_name)
        at_home = os.environ.get("DAGSTER_HOME")
        with dg.DagsterInstance.get() if at_home else dg.DagsterInstance.ephemeral() as instance:
            result = job.execute_in_process(
                run_config=QUIET,
                instance=instance,
                resources={"run": run},
                tags=recorded_under(run.as_of, run.months),
                raise_on_error=False,
            )
    evaluations = result.get_asset_check_evaluations()
    failed = [one for one in evaluations if not one.passed]
    cautions = [
        line for one in failed if one.severity == dg.AssetCheckSeverity.WARN for line in (one.description or "").splitlines()
    ]
    broken = [
        f"{one.asset_key.to_user_string()}: {one.check_name} failed. {one.description or ''}".strip()
        for one in failed
        if one.severity == dg.AssetCheckSeverity.ERROR
    ]
    for event in result.all_events:
        if event.is_step_failure:
            said = event.step_failure_data.user_failure_data
            error = event.step_failure_data.error
            if said is not None and said.description:
                raise Mistake(*said.description.splitlines())
            if not broken:
                broken.append(f"{event.step_key}: {error.to_string() if error else 'failed'}")
    if not result.success and not broken:
        broken.append("The run failed; `DAGSTER_HOME` and `dagster dev` show why.")
    return Outcome(tuple(broken), tuple(cautions))
