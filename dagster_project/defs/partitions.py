"""Partitions are billing months, and every table of the pipeline has the same: "Materialize all" over months is one run.

A month owns the contract periods whose last local day is in it, and the initial invoices dated in it. A run over partitions rates these
months; the job `nightly` rates whatever still has something to do, and records the months that it rated.
"""

from datetime import datetime

import dagster as dg

from dagster_project.pipeline.run import Run
from rating.rate import Months

FORMAT = "%Y-%m"
FIRST_MONTH = "2013-01"

billing_months = dg.MonthlyPartitionsDefinition(start_date=FIRST_MONTH, fmt=FORMAT, end_offset=1)
one_run = dg.BackfillPolicy.single_run()


def months_of(context: dg.AssetExecutionContext, run: Run) -> Months:
    """The billing months to rate: what the run says, else the partitions that it was launched for."""
    if run.months is not None:
        return run.months
    chosen = context.partition_key_range
    return Months(chosen.start, chosen.end)


def recorded_under(months: Months, as_of: datetime) -> dict[str, str]:
    """Tags of a run over these months: the partitions from the first to the last, or to that of as_of."""
    return {
        "dagster/asset_partition_range_start": _on_record(months.first or FIRST_MONTH),
        "dagster/asset_partition_range_end": _on_record(months.last or f"{as_of:{FORMAT}}"),
    }


def is_on_record(month: str) -> bool:
    """Whether Dagster keeps a record of a month."""
    return _on_record(month) == month


def _on_record(month: str) -> str:
    """The month, or the nearest that Dagster keeps a record of."""
    return min(max(month, FIRST_MONTH), str(billing_months.get_last_partition_key()))
