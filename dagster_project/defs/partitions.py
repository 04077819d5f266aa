"""Partitions are billing months, and there are no others.

A month owns the contract periods whose last local day is in it, and the initial invoices dated in it. Dagster keeps a record
by month; which months a run rates is said by the run, so that contracts older than the record are billed too.
"""

from datetime import datetime, timedelta

import dagster as dg

from dagster_project.pipeline.run import Run
from rating.rate import Months

FORMAT = "%Y-%m"
FIRST_MONTH = "2013-01"
# grace and re-rating as most books have them: what a nightly run may touch, and so is noted for
REACH = timedelta(days=95)

billing_months = dg.MonthlyPartitionsDefinition(start_date=FIRST_MONTH, fmt=FORMAT, end_offset=1)
one_run = dg.BackfillPolicy.single_run()


def months_of(context: dg.AssetExecutionContext, run: Run) -> Months:
    """The billing months to rate: what the run says, else the partitions it was launched for."""
    if run.months is not None:
        return run.months
    chosen = context.partition_key_range
    return Months(chosen.start, chosen.end)


def recorded_under(as_of: datetime, months: Months | None = None) -> dict[str, str]:
    """Tags of the partitions that a run is noted under: its months, else those that may change at as_of."""
    said = months or Months()
    first, last = said.first or f"{as_of - REACH:{FORMAT}}", said.last or f"{as_of:{FORMAT}}"
    return {
        "dagster/asset_partition_range_start": _on_record(first),
        "dagster/asset_partition_range_end": _on_record(last),
    }


def _on_record(month: str) -> str:
    """The month, or the nearest that Dagster keeps a record of."""
    return min(max(month, FIRST_MONTH), str(billing_months.get_last_partition_key()))
