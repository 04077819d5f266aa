"""The graph, and what sets it off: `dagster dev -m dagster_project.definitions`.

What belongs here: putting declarations together. What does not: declaring an asset or doing any work.

Importing this module runs nothing; whoever asks for the definitions has dbt's project read, and parsed where a file of it has
changed since.
"""

from __future__ import annotations

import dagster as dg

from dagster_project.defs import books, checks, dbt_models, deals, documents, jobs, landing, rating
from dagster_project.defs.night import nightly
from dagster_project.defs.resources import NightlyRun
from dagster_project.defs.schedules import nightly_schedule
from dagster_project.defs.sensors import inbox_sensor, salesforce_sensor


@dg.definitions
def defs() -> dg.Definitions:
    """The code location of Meterhouse alone."""
    # what is launched from an asset's page runs in one process, too
    return dg.Definitions.merge(meterhouse(), dg.Definitions(executor=dg.in_process_executor))


def meterhouse() -> dg.Definitions:
    """Everything of Meterhouse, to be merged with a team's own: `dg.Definitions.merge(meterhouse(), dg.Definitions(assets=…))`."""
    pipeline = [
        landing.landing,
        books.contract_data,
        books.schedule,
        dbt_models.below(),
        rating.rated_documents,
        dbt_models.above(),
        documents.issued_documents(),
        documents.published_marts,
    ]
    return dg.Definitions(
        assets=[*pipeline, deals.salesforce_tables, deals.drafts],
        asset_checks=[checks.usage_expectations, checks.line_expectations, checks.dispositions_balance, checks.looks],
        jobs=[nightly, jobs.backfill(pipeline), jobs.deals(deals.drafts, deals.salesforce_tables)],
        schedules=[nightly_schedule],
        sensors=[inbox_sensor, salesforce_sensor],
        resources={jobs.RESOURCE: NightlyRun(), "meterhouse_desk": deals.DealDesk()},
    )
