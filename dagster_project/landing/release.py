"""Quarantined lines landed again: those that have become true, and those that a mended copy of their file brings (R-49).

A release is a landing of its own: events come under the old file, hash and position, received now. Nothing appended is changed:
a quarantined line is released where a release holds an event of the same file, hash, position and element.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import duckdb
import polars as pl
import pyarrow as pa

from dagster_project.landing import raw_tables
from dagster_project.landing.columns import UnreadableColumns
from dagster_project.landing.files import cuts_of
from dagster_project.landing.inbox import Inbox
from dagster_project.landing.land_inbox import LandingRefused
from dagster_project.landing.line_splitter import lines_of
from dagster_project.landing.lines import LINES
from dagster_project.landing.macros import define_macros
from dagster_project.landing.manifest import LandedFile, Landing, commit, heal, landings, last_batch, quarantine_files
from dagster_project.landing.parquet_writer import ParquetWriter
from dagster_project.landing.queries import ready
from dagster_project.landing.segments import is_segment
from dagster_project.landing.sources import source_of
from dagster_project.landing.validation import Judge
from dagster_project.warehouse.database import connect
from dagster_project.warehouse.paths import Warehouse
from rating.books import Source

LINE = ["file", "file_hash", "position", "element"]


def released_files(warehouse: Warehouse, as_of: datetime | None = None) -> list[Path]:
    """The Parquet files of events that releases have landed."""
    return [
        warehouse.root / file.path
        for landing in landings(warehouse, as_of)
        if landing.is_release
        for file in landing.event_files
    ]


def quarantined(warehouse: Warehouse, as_of: datetime | None = None) -> pl.DataFrame:
    """Quarantined lines that no release has landed since: file, position, element, raw, reason, received_at, file_hash, batch."""
    files = quarantine_files(warehouse, as_of)
    schema = raw_tables.QUARANTINE.schema
    rows = pl.concat([raw_tables.QUARANTINE.empty(), *(pl.read_parquet(file).select(*schema) for file in files)])
    if as_of is not None:
        rows = rows.filter(pl.col("batch") <= last_batch(warehouse, as_of))
    released = [pl.read_parquet(file, columns=LINE) for file in released_files(warehouse, as_of)]
    if released:
        rows = rows.join(pl.concat(released).cast({name: rows.schema[name] for name in LINE}), on=LINE, how="anti")
    return rows.sort("file", "position", "element", "batch")


def release(
    warehouse: Warehouse,
    lines: pl.DataFrame,
    as_of: datetime,
    zone: str,
    mended: Path | None = None,
    sources: Sequence[Source] = (),
) -> Landing | None:
    """Land the quarantined lines that are events now; None where none is.

    lines: some rows of `quarantined`. mended: a copy of the one file they are of, in which they have been put right; positions must be
    the old ones. Raises `LandingRefused` for an as_of before the last landing's, or where the copy cannot be read.
    """
    committed = landings(warehouse)
    last = committed[-1]
    if as_of < last.as_of:
        raise LandingRefused(f"as_of {as_of} is before the last landing's, {last.as_of}: use that time or a later one")
    heal(warehouse, committed)
    with connect() as connection:
        ready(connection)
        define_macros(connection)
        numbered = lines.with_row_index("number")
        tried = numbered.select(
            file=pl.col("number"),
            position="position",
            element="element",
            line="raw",
            received_at=pl.lit(None, dtype=pl.String),
            is_receipt=pl.lit(None, dtype=pl.Boolean),
            fault=pl.lit(None, dtype=pl.String),
        )
        if mended is not None:
            texts = _lines_of(connection, mended, lines["file"][0], zone, sources, as_of).select(
                "position", "element", "line", "received_at", "is_receipt", "fault"
            )
            tried = tried.select("file", "position", "element").join(
                texts, on=["position", "element"], how="inner", maintain_order="left"
            )
        judged = Judge(as_of, zone).judged([tried.filter(pl.col("line").is_not_null()).select(*LINES)])
    if judged.events.is_empty():
        return None
    of_lines = numbered.select("number", old_file="file", file_hash="file_hash")
    events = judged.events.join(of_lines, left_on="file", right_on="number", how="left", maintain_order="left")
    received_at = pl.lit(as_of, dtype=pl.Datetime("us"))
    events = events.with_columns(file="old_file", batch=pl.lit(last.batch + 1, dtype=pl.Int32), received_at=received_at)
    parts = ParquetWriter(warehouse.root, warehouse.raw_events, f"{last.batch + 1:06d}", day="received_date")
    parts.add(events.select(*raw_tables.EVENTS.names, pl.col("received_at").dt.date().alias("received_date")))
    parts.flush()
    counts = events.group_by("file", "file_hash").len().sort("file", "file_hash")
    landing = Landing(
        batch=last.batch + 1,
        as_of=as_of,
        files=tuple(LandedFile(file, content, count, count, 0) for file, content, count in counts.iter_rows()),
        events=events.height,
        event_names=dict(events.group_by("event_name").len().sort("event_name").iter_rows()),
        event_files=tuple(parts.written),
        is_release=True,
    )
    commit(warehouse, landing)
    return landing


def _lines_of(
    connection: duckdb.DuckDBPyConnection, mended: Path, landed_as: str, zone: str, sources: Sequence[Source], as_of: datetime
) -> pl.DataFrame:
    """LINES of one file, read as landing reads it."""
    inbox = Inbox(str(mended.parent), sources)
    found = [file for file in inbox.files()[0] if file.name == mended.name]
    if not found:
        raise LandingRefused(f"{mended} is no file that is read. Name a copy of the landed file, with its ending.")
    # it is read as the file that it mends, whatever it is called
    name = landed_as if is_segment(landed_as) else found[0].name
    file = replace(found[0], name=name, source=source_of(landed_as, sources))
    try:
        cuts = cuts_of(connection, inbox, file, 0, zone, as_of)
        made = [one if isinstance(one, pl.DataFrame) else lines_of(one) for one in cuts]
    except (UnreadableColumns, OSError, EOFError, UnicodeError, pa.ArrowException) as failure:
        raise LandingRefused(f"{mended} cannot be read: {str(failure).splitlines()[0]}") from failure
    return pl.concat([pl.DataFrame(schema=LINES), *made])
