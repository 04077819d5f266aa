"""What the last run knew of usage and events, for whoever rates them again (R-69, R-76)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import duckdb
import polars as pl

from dagster_project.errors import UserError
from dagster_project.landing import raw_tables
from dagster_project.warehouse.database import connect, fetch, published
from dagster_project.warehouse.paths import Warehouse
from rating import tables
from rating.vocabulary import UNMATCHED

USAGE = "select * from marts.usage where contract_id = $contract order by all"
EVENTS = """
    select raw.*
    from raw.events as raw
    inner join intermediate.int_event_dispositions as judged
        on raw.batch = judged.batch and raw.file = judged.file and raw.position = judged.position and raw.element = judged.element
    where {condition}
"""
COUNTED = """
    judged.contract_id = $contract and judged.disposition = 'metered'
    and exists (
        select 1
        from intermediate.int_event_classes_with_meters as taken
        where taken.event_class_no = judged.event_class_no and taken.contract_id = judged.contract_id
            and taken.disposition = 'metered' and taken.meter_code in (select unnest($meters))
    )
"""
OF_CUSTOMERS = "(raw.customer_id in (select unnest($customers)) or raw.external_customer_id in (select unnest($externals)))"
WAITING = f"judged.disposition in (select unnest($unmatched)) and {OF_CUSTOMERS}"
# most customers that a deal binds have sent nothing yet: then nobody asks what became of every event
HAVE_SENT = f"select true as one from raw.events as raw where {OF_CUSTOMERS} limit 1"


def usage_of(warehouse: Warehouse, contract: str) -> pl.DataFrame:
    """USAGE of a contract as the marts have it; nothing before the first run."""
    if not warehouse.database.exists():
        return tables.USAGE.empty()
    with published(warehouse) as marts:
        rows = fetch(marts, USAGE, {"contract": contract})
    values = [list(json.loads(text).values()) for text in rows.get_column("dimensions")]
    return tables.USAGE.frame(rows.with_columns(group_values=pl.Series(values, dtype=tables.TEXTS)))


def counted_events(warehouse: Warehouse, contract: str, meters: Sequence[str]) -> pl.DataFrame:
    """raw_tables.EVENTS that some meters count for a contract. Raises `UserError` while a run holds the events."""
    return _events(warehouse, COUNTED, {"contract": contract, "meters": list(meters)})


def waiting_events(warehouse: Warehouse, customers: pl.DataFrame) -> pl.DataFrame:
    """raw_tables.EVENTS of customers that nobody is billed for. Raises `UserError` while a run holds the events."""
    named = {
        "unmatched": list(UNMATCHED),
        "customers": customers.get_column("customer_id").to_list(),
        "externals": customers.get_column("external_id").drop_nulls().to_list(),
    }
    return _events(warehouse, WAITING, named, when=HAVE_SENT)


def _events(warehouse: Warehouse, condition: str, named: dict[str, Any], when: str | None = None) -> pl.DataFrame:
    """when: only if this query has a row."""
    if not warehouse.work_database.exists():
        return raw_tables.EVENTS.empty()
    try:
        with connect(warehouse.work_database, read_only=True) as work:
            if when is not None and fetch(work, when, {name: named[name] for name in ("customers", "externals")}).is_empty():
                return raw_tables.EVENTS.empty()
            return raw_tables.EVENTS.frame(fetch(work, EVENTS.format(condition=condition), named))
    except duckdb.IOException:
        raise UserError("A run is at work and holds the events. Ask again when it has ended.") from None
    except duckdb.CatalogException:
        return raw_tables.EVENTS.empty()
