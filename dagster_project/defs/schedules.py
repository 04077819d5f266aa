"""Every night at five."""

from __future__ import annotations

from datetime import UTC

import dagster as dg

from dagster_project.defs.jobs import night
from dagster_project.defs.night import nightly

# after midnight in the zones of most contracts, before anyone reads the marts
AT_NIGHT = "0 5 * * *"


@dg.schedule(job=nightly, cron_schedule=AT_NIGHT, execution_timezone="UTC")
def nightly_schedule(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
    """One run a night, whose as_of is the tick of the schedule."""
    tick = context.scheduled_execution_time.astimezone(UTC).replace(tzinfo=None)
    return night(tick, run_key=tick.isoformat())
