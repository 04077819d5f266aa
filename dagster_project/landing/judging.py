"""Two roads from lines to events: lines that look like known ones are compared, all others are read and judged.

What belongs here: which line takes which road, and what both give together. What does not: how either works.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Final

import duckdb
import numpy as np
import polars as pl

from dagster_project.landing import findings
from dagster_project.landing.familiar import Familiar
from dagster_project.landing.line_splitter import lines_of
from dagster_project.landing.lines import LINES
from dagster_project.landing.reading import read_fields, unread_in
from dagster_project.landing.stretches import Mask, Stretch, joined
from dagster_project.landing.validation import judge

Cut = Stretch | pl.DataFrame  # what a file is cut into: stretches of a JSON file, LINES of any other
_ORDER = ("file", "position", "element")

_SMALL_BYTES: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Judged:
    """Lines by the number of their file, and what they turned out to be, in order."""

    lines: Counter[int]
    events: pl.DataFrame
    rejected: pl.DataFrame
    findings: pl.DataFrame


@dataclass(frozen=True, slots=True)
class Verdicts:
    """Of lines in order: why each is no event (None: it is one), its key, and whether it says no time or takes an event back."""

    reasons: list[str | None]
    keys: list[str | None]
    is_untimed: Mask


class Judge:
    """Judges the lines of one landing, which have all been received by as_of."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, as_of: datetime, zone: str) -> None:
        self._connection, self._as_of, self._zone = connection, as_of, zone
        self._familiar = Familiar(connection, as_of, zone)

    def receive_at(self, as_of: datetime) -> None:
        """What is judged from now on was received at another moment."""
        self._as_of = as_of
        self._familiar.receive_at(as_of)

    def judged(self, cuts: Sequence[Cut]) -> Judged:
        """The events of what files were cut into, and the LINES that are none, with the reason."""
        counted: Counter[int] = Counter()
        left = [cut for cut in cuts if isinstance(cut, pl.DataFrame)]
        stretches = list(_put_together(cuts))
        events, which = self._familiar.events(stretches)
        counted.update(dict(events.get_column("file").value_counts().iter_rows()))
        for stretch, is_event in zip(stretches, which, strict=True):
            if not is_event.all():
                left.append(lines_of(self._connection, stretch.only(~is_event)))
        if left:
            lines = _in_order(left)
            counted.update(dict(lines.get_column("file").value_counts().iter_rows()))
            fields, unreadable = read_fields(self._connection, lines, self._zone)
            read, broken = judge(fields, self._as_of)
            unread = unread_in(self._connection, fields, read)
            every = _in_order([events, read])
            return Judged(counted, every, _in_order([unreadable, broken]), self._found(every, unread))
        return Judged(counted, events, pl.DataFrame(schema=LINES), self._found(events))

    def verdicts(self, stretch: Stretch) -> Verdicts:
        """What `judged` would say of the lines of a list, for who wants to know no more; their positions are 1, 2, 3 …"""
        is_event, keys, is_untimed = self._familiar.verdicts(stretch)
        reasons: list[str | None] = [None] * len(keys)
        if not is_event.all():
            lines = lines_of(self._connection, stretch.only(~is_event))
            fields, unreadable = read_fields(self._connection, lines, self._zone)
            read, broken = judge(fields, self._as_of)
            told = read.select("position", "idempotency_key", pl.col("is_time_made_up") | pl.col("tombstone"))
            left = set((np.flatnonzero(~is_event) + 1).tolist())
            for position, key, untimed in told.iter_rows():
                keys[position - 1], is_untimed[position - 1] = key, untimed
                left.discard(position)
            for position, reason in pl.concat([one.select("position", "fault") for one in (unreadable, broken)]).iter_rows():
                reasons[position - 1], keys[position - 1], is_untimed[position - 1] = reason, None, False
                left.discard(position)
            if left:
                raise AssertionError("an event was neither accepted nor refused")
        return Verdicts(reasons, keys, is_untimed)

    def _found(self, events: pl.DataFrame, *others: pl.DataFrame) -> pl.DataFrame:
        found = findings.summed([findings.of_events(events), *self._familiar.unread, *others])
        self._familiar.unread.clear()
        return found


def _put_together(cuts: Sequence[Cut]) -> Iterator[Stretch]:
    """The stretches in order, small ones of a kind that follow each other as one."""
    stretches = (cut for cut in cuts if isinstance(cut, Stretch))
    for (_, is_small), alike in groupby(stretches, key=lambda stretch: (stretch.is_list, len(stretch.text) < _SMALL_BYTES)):
        if is_small:
            yield joined(list(alike))
        else:
            yield from alike


def _in_order(frames: Sequence[pl.DataFrame]) -> pl.DataFrame:
    filled = [frame for frame in frames if frame.height]
    return filled[0] if len(filled) == 1 else pl.concat(frames).sort(_ORDER)
