"""Group `landing`: the inbox becomes raw events and quarantine, once each, for good (R-8 to R-11)."""

import dagster as dg

from dagster_project.defs.declared import POOL, Said, carried_out, key_of, spec
from dagster_project.defs.partitions import one_run
from dagster_project.landing import raw_tables
from dagster_project.pipeline import nightly, steps
from dagster_project.pipeline.run import Run

GROUP = "landing"


@dg.multi_asset(
    name=nightly.LANDING.name,
    specs=[
        spec("raw", table, group=GROUP, kinds=("duckdb", "parquet"), made_by=steps.land)
        for table in (raw_tables.EVENTS, raw_tables.QUARANTINE, raw_tables.WITHDRAWN)
    ],
    check_specs=[
        dg.AssetCheckSpec(
            nightly.LINES_BALANCE,
            asset=key_of(nightly.EVENTS),
            blocking=True,
            description="Lines read = events landed + lines quarantined (R-10).",
        ),
        dg.AssetCheckSpec(
            nightly.INBOX_IS_TIDY,
            asset=key_of(nightly.EVENTS),
            description="Files that were not read, or whose name came with other bytes (R-8, R-9).",
        ),
    ],
    description=nightly.landing.__doc__,
    backfill_policy=one_run,
    pool=POOL,
    can_subset=True,
)
def landing(context: dg.AssetExecutionContext, meterhouse_run: dg.ResourceParam[Run]) -> Said:
    yield from carried_out(context, meterhouse_run, nightly.LANDING)
