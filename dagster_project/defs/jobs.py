"""Jobs over assets, each with its own selection and executor, and what a launch of a night asks for.

The nightly job is `night.py`. Jobs name their assets, so that beside a team's own assets they run none of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import dagster as dg

from dagster_project.defs.declared import RETRIES

BACKFILL = "backfill"
DEALS = "deals"
RESOURCE = "meterhouse_run"


def backfill(assets: Sequence[dg.AssetsDefinition]) -> dg.UnresolvedAssetJobDefinition:
    """The job that rates chosen months."""
    return dg.define_asset_job(
        BACKFILL,
        dg.AssetSelection.assets(*assets),
        description="Rate chosen months in order, in one run: launch it over a range of partitions.",
        # three times faster than a process a step, and DuckDB has one writer anyway
        executor_def=dg.in_process_executor,
        tags=RETRIES,
    )


def deals(drafts: dg.AssetsDefinition, tables: dg.AssetsDefinition) -> dg.UnresolvedAssetJobDefinition:
    """The job that reads Salesforce's tables."""
    return dg.define_asset_job(
        DEALS,
        dg.AssetSelection.assets(drafts, *tables.keys),
        description="Read Salesforce's tables, and draft what closed opportunities come to. Approving is for people.",
        executor_def=dg.in_process_executor,
    )


def night(as_of: datetime, run_key: str) -> dg.RunRequest:
    """A nightly run with this clock (UTC, naive)."""
    return dg.RunRequest(run_key=run_key, run_config={"resources": {RESOURCE: {"config": {"as_of": as_of.isoformat()}}}})
