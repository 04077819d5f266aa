"""The graph, and what sets it off: `dagster dev -m dagster_project.definitions`.

What belongs here: putting declarations together. What does not: declaring an asset or doing any work.
"""

from __future__ import annotations

import dagster as dg

from dagster_project.defs import books, checks, dbt_models, documents, landing, rating
from dagster_project.defs.jobs import backfill, nightly
from dagster_project.defs.resources import NightlyRun
from dagster_project.defs.schedules import nightly_schedule
from dagster_project.defs.sensors import inbox_sensor

defs = dg.Definitions(
    assets=[
        landing.landing,
        books.contract_data,
        books.schedule,
        dbt_models.below,
        rating.rated_documents,
        dbt_models.above,
        documents.issued_documents,
        documents.published_marts,
    ],
    asset_checks=[checks.usage_expectations, checks.line_expectations, checks.dispositions_balance, checks.looks],
    jobs=[nightly, backfill],
    schedules=[nightly_schedule],
    sensors=[inbox_sensor],
    resources={"run": NightlyRun()},
    # three times faster than a process a step, and DuckDB has one writer anyway
    executor=dg.in_process_executor,
)
