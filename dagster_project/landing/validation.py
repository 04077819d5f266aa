"""What makes a line an event (R-10): every rule, with the sentence that a line gets which breaks it.

What belongs here: rules about one line by itself. What does not: which version of a key counts, and whether anybody takes the event.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Final

import numpy as np
import polars as pl

from dagster_project.landing import findings
from dagster_project.landing.event import SPELLINGS
from dagster_project.landing.lines import LINES
from dagster_project.landing.pieces import Mask, Piece, joined
from dagster_project.landing.reader import Fields, Reader, unread_in

EVENTS: Final = {
    "file": pl.UInt32(),
    "position": pl.Int64(),
    "element": pl.Int32(),
    **dict.fromkeys(SPELLINGS, pl.String()),
    "timestamp": pl.Datetime("us"),
    "tombstone": pl.Boolean(),
    "properties": pl.String(),
    "received_at": pl.Datetime("us"),
    "is_time_made_up": pl.Boolean(),  # no event said when it happened: the time of landing stands for it
    "is_bare_date": pl.Boolean(),
}
LATEST_AHEAD: Final = timedelta(hours=1)  # how far a sender's clock may run ahead of ours

_SHOWN: Final = 80  # characters of a wrong value that its sentence repeats


@dataclass(frozen=True, slots=True)
class Rule:
    """A line breaks it where `is_broken` is true (null: it does not); `sentence` says what is wrong and what to write instead."""

    is_broken: pl.Expr
    sentence: pl.Expr


def _rule(is_broken: pl.Expr, *sentence: str | pl.Expr) -> Rule:
    parts = [pl.lit(part) if isinstance(part, str) else part for part in sentence]
    return Rule(is_broken, pl.concat_str(parts))


def _of_epoch(written: pl.Expr) -> pl.Expr:
    """What to write for seconds, milliseconds or microseconds since 1970; nothing for any other text."""
    digits = written.str.strip_chars('"')
    micros = pl.coalesce(
        pl.when(digits.str.contains(rf"^\d{{{length}}}(?:\.\d+)?$"))
        .then(digits.str.extract(r"^(\d+)").cast(pl.Int64, strict=False) * factor)
        .otherwise(None)
        for length, factor in ((10, 1_000_000), (13, 1_000), (16, 1))
    )
    instant = micros.cast(pl.Datetime("us")).dt.to_string("%Y-%m-%dT%H:%M:%S%.fZ")
    return pl.concat_str(pl.lit("; write "), instant, pl.lit(" for it")).fill_null("")


_TIME: Final = pl.coalesce("timestamp_json", pl.format('"{}"', "timestamp"))
_RULES: Final = (
    _rule(pl.col("wrong").is_not_null(), pl.col("wrong")),
    _rule(pl.col("event_name").is_null(), "event_name is missing: name the event"),
    _rule(
        pl.col("customer_id").is_null() & pl.col("external_customer_id").is_null(),
        "no customer: give customer_id or external_customer_id",
    ),
    _rule(
        pl.col("customer_id").is_not_null() & pl.col("external_customer_id").is_not_null(),
        "two customers: give customer_id or external_customer_id, not both",
    ),
    _rule(
        pl.col("instant").is_null() & (pl.col("timestamp").is_not_null() | pl.col("timestamp_json").is_not_null()),
        "timestamp is no ISO 8601 time such as 2026-01-31T09:30:00Z: ",
        _TIME.str.slice(0, _SHOWN),
        _of_epoch(_TIME),
    ),
    _rule(
        pl.col("received_at").is_not_null() & pl.col("stated_at").is_null(),
        "received_at is no ISO 8601 time such as 2026-01-31T09:30:00Z: ",
        pl.col("received_at").str.slice(0, _SHOWN),
    ),
    _rule(
        pl.col("instant") > pl.col("arrived_at") + LATEST_AHEAD,
        "timestamp is more than one hour after the event was received, at ",
        pl.col("arrived_at").dt.to_string("%Y-%m-%dT%H:%M:%SZ"),
    ),
)


# made once: a list at the door takes little longer to judge than an expression to build
_IS_EVENT: Final = ~pl.any_horizontal(rule.is_broken for rule in _RULES).fill_null(value=False)
_SENTENCES: Final = pl.concat_str(
    (pl.when(rule.is_broken).then(rule.sentence) for rule in _RULES), separator="; ", ignore_nulls=True
)
_IS_UNTIMED: Final = pl.col("instant").is_null() | pl.col("tombstone").fill_null(value=False)


@dataclass(frozen=True, slots=True)
class Verdict:
    """Rows, which of them are events, and why each of the others is none."""

    rows: pl.DataFrame
    is_event: pl.Series
    reasons: pl.Series

    @property
    def events(self) -> pl.DataFrame:
        return _events(self.rows if self.is_event.all() else self.rows.filter(self.is_event))


def judge(rows: pl.DataFrame, as_of: datetime) -> Verdict:
    """Part rows of `reader.Fields` into events and others, which break a rule or more."""
    rows = rows.with_columns(_arrived_at(rows, as_of))
    is_event = rows.select_seq(_IS_EVENT).to_series()
    if is_event.all():
        return Verdict(rows, is_event, pl.Series(dtype=pl.String))
    broken = rows.filter(~is_event)
    reasons = broken.select(pl.when("is_read").then(_SENTENCES).otherwise("wrong")).to_series()
    return Verdict(rows, is_event, reasons)


def _arrived_at(rows: pl.DataFrame, as_of: datetime) -> pl.Series:
    """What the file states where that is not later than as_of, and as_of otherwise (R-9); of a door's events it is their receipt
    (R-60)."""
    everywhere = pl.Series("arrived_at", np.full(rows.height, as_of, dtype="datetime64[us]"))
    stated = rows.get_column("stated_at")
    if stated.null_count() == rows.height:
        return everywhere
    is_taken = ((stated <= as_of) | rows.get_column("is_receipt")).fill_null(value=False)
    return stated.zip_with(is_taken, everywhere).alias("arrived_at")


def _events(rows: pl.DataFrame) -> pl.DataFrame:
    is_tombstone = pl.col("tombstone").fill_null(value=False)
    return rows.select(
        "file",
        "position",
        "element",
        *SPELLINGS,
        timestamp=pl.coalesce("instant", "arrived_at"),
        tombstone=is_tombstone,
        properties="properties",
        received_at="arrived_at",
        is_time_made_up=pl.col("instant").is_null() & ~is_tombstone,
        is_bare_date="is_bare_date",
    )


# --- lines read and judged ---

Cut = Piece | pl.DataFrame  # what a file is cut into: pieces of a JSON file, LINES of any other

_ORDER: Final = ("file", "position", "element")
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

    def __init__(self, as_of: datetime, zone: str) -> None:
        self._reader, self._as_of = Reader(zone), as_of

    def receive_at(self, as_of: datetime) -> None:
        """What is judged from now on was received at another moment."""
        self._as_of = as_of

    def judged(self, cuts: Sequence[Cut]) -> Judged:
        """The events of what files were cut into, and the LINES that are none, with the reason."""
        counted: Counter[int] = Counter()
        events, rejected, found = [pl.DataFrame(schema=EVENTS)], [pl.DataFrame(schema=LINES)], list[pl.DataFrame]()
        for cut in _put_together(cuts):
            for fields in self._reader.of_piece(cut) if isinstance(cut, Piece) else [self._reader.of_lines(cut)]:
                verdict = judge(fields.rows, self._as_of)
                landed = verdict.events
                counted.update(dict(fields.rows.get_column("file").value_counts().iter_rows()))
                events.append(landed)
                rejected.append(_rejected(fields, verdict))
                found += [findings.of_events(landed), unread_in(fields, verdict.is_event)]
        return Judged(counted, _in_order(events), _in_order(rejected), findings.summed(found))

    def verdicts(self, piece: Piece) -> Verdicts:
        """What `judged` would say of the lines of a list, for who wants to know no more."""
        rows = [fields.rows for fields in self._reader.of_piece(piece)]
        verdict = judge(rows[0] if len(rows) == 1 else pl.concat(rows), self._as_of)
        keys = verdict.rows["idempotency_key"]
        is_untimed = verdict.rows.select_seq(_IS_UNTIMED).to_series()
        if len(verdict.reasons) == 0:
            return Verdicts([None] * len(keys), keys.to_list(), is_untimed.to_numpy())
        is_event = verdict.is_event
        reasons = pl.Series([None], dtype=pl.String).new_from_index(0, len(keys))
        reasons = reasons.scatter((~is_event).arg_true(), verdict.reasons)
        return Verdicts(reasons.to_list(), keys.set(~is_event, None).to_list(), (is_untimed & is_event).to_numpy())


def _rejected(fields: Fields, verdict: Verdict) -> pl.DataFrame:
    """LINES of the rows that are no events."""
    if verdict.is_event.all():
        return pl.DataFrame(schema=LINES)
    others = ~verdict.is_event
    texts = pl.Series([fields.line_of(row) for row in others.arg_true()], dtype=pl.String)
    return fields.rows.filter(others).with_columns(line=texts, fault=verdict.reasons).select(*LINES)


def _put_together(cuts: Sequence[Cut]) -> Iterator[Cut]:
    """The cuts in order, small pieces of a kind that follow each other as one."""

    def kind(cut: Cut) -> tuple[bool, bool, bool]:
        return (True, cut.is_list, len(cut.text) < _SMALL_BYTES) if isinstance(cut, Piece) else (False, False, False)

    for (_, _, is_small), alike in groupby(cuts, key=kind):
        if is_small:
            yield joined([cut for cut in alike if isinstance(cut, Piece)])
        else:
            yield from alike


def _in_order(frames: Sequence[pl.DataFrame]) -> pl.DataFrame:
    filled = [frame for frame in frames if frame.height]
    return filled[0] if len(filled) == 1 else pl.concat(frames).sort(_ORDER)
