"""Runs when the inbox, or Salesforce's tables, hold something new."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Iterator

import dagster as dg

from dagster_project.deals import salesforce
from dagster_project.defs.deals import tables_named
from dagster_project.defs.jobs import DEALS, night
from dagster_project.defs.night import nightly
from dagster_project.landing.inbox import Inbox
from dagster_project.settings import Locations, now
from dagster_project.warehouse.books_cache import remembered_sources
from dagster_project.warehouse.paths import Warehouse

SENSOR_SECONDS = 60


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


@dg.sensor(job_name=DEALS, minimum_interval_seconds=SENSOR_SECONDS)
def salesforce_sensor(context: dg.SensorEvaluationContext) -> Iterator[dg.RunRequest | dg.SkipReason]:
    """A run of `deals` when a file of Salesforce's tables is new or another than it was, by name, size and time."""
    tables = tables_named()
    if tables is None:
        yield dg.SkipReason("METERHOUSE_SALESFORCE names no tables.")
        return
    found = salesforce.stamps(tables)
    seen = hashlib.sha256(json.dumps(found, sort_keys=True).encode("utf-8", "surrogateescape")).hexdigest()
    if not found or seen == context.cursor:
        yield dg.SkipReason(f"Nothing new in {tables}.")
        return
    context.update_cursor(seen)
    yield dg.RunRequest(run_key=f"{seen}:{now().isoformat()}")
