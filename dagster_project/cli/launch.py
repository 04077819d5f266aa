"""How a command carries out a run: plainly, or through Dagster where somebody keeps its event log."""

from __future__ import annotations

import os
import warnings

from dagster_project.pipeline.job import Outcome, run_job
from dagster_project.pipeline.run import Run


def launch(run: Run, job_name: str = "nightly") -> Outcome:
    """Carry out a run under the warehouse's lock; as `run_job`. job_name: what Dagster records it as, with DAGSTER_HOME."""
    return run_job(run, (lambda one: _in_dagster(one, job_name)) if os.environ.get("DAGSTER_HOME") else None)


def _in_dagster(run: Run, job_name: str) -> Outcome:
    run.progress("Starting Dagster")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Dagster's notes on its own beta parameters
        from dagster_project.definitions import defs
        from dagster_project.defs.execution import carry_out_in_dagster

        job = defs().resolve_job_def(job_name)
    return carry_out_in_dagster(run, job)
