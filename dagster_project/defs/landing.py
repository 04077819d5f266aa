"""Group `landing`: the inbox becomes raw events and quarantine, once each, for good (R-8 to R-11)."""

from __future__ import annotations

import dagster as dg

from dagster_project.checks import invariants
from dagster_project.defs.declared import Said, as_check, report_failures, spec
from dagster_project.landing import Landing, raw_tables
from dagster_project.pipeline import steps
from dagster_project.pipeline.run import Run

GROUP = "landing"
EVENTS = dg.AssetKey(["raw", "events"])
QUARANTINE = dg.AssetKey(["raw", "quarantine"])
WITHDRAWN = dg.AssetKey(["raw", "withdrawn"])


@dg.multi_asset(
    name="landing",
    specs=[
        spec("raw", table, group=GROUP, kinds=("duckdb", "parquet"))
        for table in (raw_tables.EVENTS, raw_tables.QUARANTINE, raw_tables.WITHDRAWN)
    ],
    check_specs=[
        dg.AssetCheckSpec(
            "lines_balance", asset=EVENTS, blocking=True, description="Lines read = events landed + lines quarantined (R-10)."
        ),
        dg.AssetCheckSpec(
            "inbox_is_tidy",
            asset=EVENTS,
            description="Files that were not read, or whose name came with other bytes (R-8, R-9).",
        ),
    ],
)
def landing(run: dg.ResourceParam[Run]) -> Said:
    """Land what is new in the inbox."""
    run.progress("Landing what is new")
    with report_failures(run, "landing events"):
        landed = steps.land(run)
        if landed is not None and landed.files:
            run.examiner.warm_up()
        steps.show_landed(run)
    yield dg.MaterializeResult(asset_key=EVENTS, metadata=_figures(landed))
    yield dg.MaterializeResult(asset_key=QUARANTINE, metadata={"quarantined": landed.quarantined if landed else 0})
    yield dg.MaterializeResult(asset_key=WITHDRAWN)
    yield as_check(invariants.every_line_read_is_landed_or_quarantined(landed), EVENTS.path)
    yield dg.AssetCheckResult(
        passed=landed is None or not landed.warnings,
        asset_key=EVENTS,
        check_name="inbox_is_tidy",
        severity=dg.AssetCheckSeverity.WARN,
        description="\n".join(landed.warnings if landed else ()),
    )


def _figures(landed: Landing | None) -> dict[str, int]:
    if landed is None:
        return {}
    return {"files_landed": len(landed.files), "files_known": landed.passed, "events_landed": landed.events}
