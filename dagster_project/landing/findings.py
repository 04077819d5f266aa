"""What a landing read rightly and yet should be said: fields that nobody reads, times made up or without an hour (R-115).

What belongs here: counting, by file. What does not: what makes a line no event (`validation`), and the sentences (`review_warnings`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import polars as pl

FINDINGS: Final = {
    "file": pl.UInt32(),  # number of the file in this landing
    "code": pl.String(),  # unread_field, time_made_up or bare_date
    "field": pl.String(),  # the field, where one is meant
    "events": pl.Int64(),
    "position": pl.Int64(),  # of the first of them
}
FIELDS_KEPT: Final = 20  # of a file; a sender that makes up names of fields has as many as events

NOT_LANDED, FILE_CHANGED, NOT_READ, SWALLOWED = "file_not_landed", "file_changed", "ending_not_read", "texts_hold_rows"
UNREAD_FIELD, TIME_MADE_UP, BARE_DATE = "unread_field", "time_made_up", "bare_date"


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found in one landed file: `events` of them, the first at `position`."""

    file: str
    code: str
    field: str | None
    events: int
    position: int


@dataclass(frozen=True, slots=True)
class Remark:
    """What is to be said of a file of the inbox, or of files of one ending; it stands until the inbox is another."""

    code: str  # file_not_landed, file_changed, ending_not_read or texts_hold_rows
    subject: str
    sentence: str


def unread_fields(found: pl.DataFrame) -> pl.DataFrame:
    """FINDINGS about fields that nobody reads. found: file, position and field of each."""
    counted = found.group_by("file", "field").agg(events=pl.len().cast(pl.Int64), position=pl.col("position").min())
    return counted.select("file", pl.lit(UNREAD_FIELD).alias("code"), "field", "events", "position")


def of_events(events: pl.DataFrame) -> pl.DataFrame:
    """FINDINGS about when events happened. events: rows of `validation.EVENTS`."""
    found = [
        events.filter(is_so)
        .group_by("file")
        .agg(events=pl.len().cast(pl.Int64), position=pl.col("position").min())
        .select("file", pl.lit(code).alias("code"), pl.lit(None, dtype=pl.String).alias("field"), "events", "position")
        for code, is_so in ((TIME_MADE_UP, "is_time_made_up"), (BARE_DATE, "is_bare_date"))
        if events.get_column(is_so).any()
    ]
    return pl.concat([pl.DataFrame(schema=FINDINGS), *found])


def summed(findings: Iterable[pl.DataFrame]) -> pl.DataFrame:
    """FINDINGS of the same file, code and field as one; of each file the fields that most events carry."""
    return (
        pl.concat([pl.DataFrame(schema=FINDINGS), *findings])
        .group_by("file", "code", "field")
        .agg(pl.col("events").sum(), pl.col("position").min())
        .sort("file", "code", "events", "field", descending=[False, False, True, False])
        .group_by("file", "code", maintain_order=True)
        .head(FIELDS_KEPT)
        .select(*FINDINGS)
    )
