"""What issued periods did not contain (R-45): versions that nobody is billed for, noted by every run while the periods are open.

What matches later, because the books have changed, is too late for a period that has closed meanwhile. The books of now cannot tell, so
it is written down: `unmatched/<n>-<as_of>.parquet` holds what a run found to have changed since the records before it; appended only.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import polars as pl

from dagster_project.warehouse.database import connect, fetch
from dagster_project.warehouse.notes import append, records
from dagster_project.warehouse.paths import Warehouse
from rating import tables
from rating.tables import BOOLEAN, COUNT, INSTANT, NULL, SMALL, TEXT, Column
from rating.vocabulary import UNMATCHED

CHANGES = tables.Table(
    "unmatched_changes",
    "one version that a run found to be unmatched where the records before say otherwise, or no longer so",
    ("record_no", "batch", "file", "position", "element"),
    (
        Column("record_no", SMALL, "number of the record"),
        Column("batch", SMALL, "number of the landing"),
        Column("file", TEXT, "name of the file relative to the inbox"),
        Column("position", COUNT, "line, row or array index in the file, from 1"),
        Column("element", SMALL, "index within a line that holds several events"),
        Column("timestamp", INSTANT, "when it happened (UTC)"),
        Column("customer_reference", TEXT, "customer as the event names it"),
        Column("is_external_reference", BOOLEAN, "whether that is an external id"),
        Column("pinned_contract_id", TEXT, "contract it is pinned to", NULL),
        Column("is_unmatched", BOOLEAN, "whether nobody is billed for it from this run on"),
    ),
)
VERSION = ["batch", "file", "position", "element"]

_ANY = f"select exists (select 1 from intermediate.int_event_class_dispositions where disposition in {UNMATCHED})"
_NOW = f"""
    select found.batch, found.file, found.position, found.element, found."timestamp", events.customer_reference,
        events.is_external_reference, events.pinned_contract_id
    from intermediate.int_event_dispositions as found
    inner join staging.stg_events as events
        on found.batch = events.batch and found.file = events.file and found.position = events.position
        and found.element = events.element
    where found.disposition in {UNMATCHED} and found."timestamp" >= $first and found."timestamp" < $last
    order by found.batch, found.file, found.position, found.element
"""


def changes(warehouse: Warehouse, as_of: datetime) -> pl.DataFrame:
    """CHANGES of every record up to as_of."""
    paths = records(warehouse.unmatched, as_of).get_column("path")
    return pl.concat([CHANGES.empty(), *(CHANGES.require(pl.read_parquet(path)) for path in paths)])


def note(warehouse: Warehouse, first: datetime, last: datetime, as_of: datetime) -> Path | None:
    """Note what is unmatched now among versions from first to last and was not, or the other way round; None where nothing is."""
    known = changes(warehouse, as_of)
    before = known.sort("record_no").unique(VERSION, keep="last", maintain_order=True).filter("is_unmatched")
    before = before.filter(pl.col("timestamp") >= first, pl.col("timestamp") < last)
    with connect(warehouse.work_database, read_only=True) as connection:
        span = {"first": first, "last": last}
        now = fetch(connection, _NOW, span) if fetch(connection, _ANY).item() else before.select(CHANGES.names[1:-1]).clear()
    now = now.cast({name: CHANGES.schema[name] for name in now.columns})
    entered, left = now.join(before, on=VERSION, how="anti"), before.join(now, on=VERSION, how="anti")
    changed = pl.concat(
        [
            entered.with_columns(is_unmatched=pl.lit(value=True)).select(CHANGES.names[1:]),
            left.with_columns(is_unmatched=pl.lit(value=False)).select(CHANGES.names[1:]),
        ]
    ).sort(VERSION)
    if changed.is_empty():
        return None
    return append(
        warehouse.unmatched,
        warehouse.derived / "noting.parquet",
        as_of,
        lambda number: CHANGES.frame(changed.with_columns(record_no=pl.lit(number))),
    )
