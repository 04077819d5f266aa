"""A job for every night and one for past months, and what a launch of the first asks for."""

from __future__ import annotations

from datetime import datetime

import dagster as dg

from dagster_project.defs.partitions import recorded_under

EVERYTHING = dg.AssetSelection.all()
NIGHTLY = "nightly"

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
