"""What sets a run off: a job every night, another for past months, and a sensor that watches the inbox."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterator
from datetime import UTC, datetime

import dagster as dg

from dagster_project.books_memory import remembered_sources
from dagster_project.landing.inbox import Inbox
from dagster_project.locations import Locations, now
from dagster_project.partitions import recorded_under
from dagster_project.warehouse import Warehouse

EVERYTHING = dg.AssetSelection.all()
NIGHTLY = "nightly"
# after midnight in the zones of most contracts, before anyone reads the marts
AT_NIGHT = "0 5 * * *"
SENSOR_SECONDS = 60

nightly = dg.define_asset_job(
    NIGHTLY, EVERYTHING, description="Land what is new, rate every month that still has something to do, issue what is due."
)
backfill = dg.define_asset_job(
    "backfill", EVERYTHING, description="Rate chosen months in order, in one run: launch it over a range of partitions."
)


def night(as_of: datetime, run_key: str) -> dg.RunRequest:
    """A nightly run with this clock (UTC, naive): every month that still has something to do."""
    return dg.RunRequest(
        run_key=run_key,
        run_config={"resources": {"run": {"config": {"as_of": as_of.isoformat(), "every_month": True}}}},
        tags=recorded_under(as_of),
    )


@dg.schedule(job=nightly, cron_schedule=AT_NIGHT, execution_timezone="UTC")
def nightly_schedule(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
    """One run a night, whose as_of is the tick of the schedule."""
    tick = context.scheduled_execution_time.astimezone(UTC).replace(tzinfo=None)
    return night(tick, run_key=tick.isoformat())


@dg.sensor(job=nightly, minimum_interval_seconds=SENSOR_SECONDS)
def inbox_sensor(context: dg.SensorEvaluationContext) -> Iterator[dg.RunRequest | dg.SkipReason]:
    """A run when the inbox holds files that were not there before, or other bytes under a known name."""
    locations = Locations.of(os.environ)
    location = locations.inbox
    # files of others may have endings that only the books know
    seen = _contents(Inbox(location, remembered_sources(Warehouse(locations.warehouse))))
    if seen is None or seen == context.cursor:
        yield dg.SkipReason(f"Nothing new in {location}.")
        return
    context.update_cursor(seen)
    as_of = now()
    # files may come back to what they were: Dagster drops a run_key that it has seen, so the moment is part of it
    yield night(as_of, run_key=f"{seen}:{as_of.isoformat()}")


def _contents(inbox: Inbox) -> str | None:
    """A hash of name, size and time of change of every file; None where there is none."""
    files, _ = inbox.files()
    told = []
    for file in files:
        with contextlib.suppress(OSError):  # gone meanwhile: then it is not there
            size, written_ns, *_ = inbox.stamp(file)
            told.append(f"{file.name}\0{size}\0{written_ns}")
    return hashlib.sha256("\n".join(told).encode("utf-8", "surrogateescape")).hexdigest() if told else None
