"""What makes a line an event (R-10): every rule, with the sentence that a line gets which breaks it.

What belongs here: rules about one line by itself. What does not: which version of a key counts, and whether anybody takes the event.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import polars as pl

from dagster_project.landing.flattening import DEPTH_MAX, LEAVES_MAX
from dagster_project.landing.lines import LINES
from dagster_project.landing.numbers import EXPONENT_MAX
from dagster_project.landing.reading import SPELLINGS

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
    """A line breaks it where `is_broken` is true; `sentence` says what is wrong and what to write instead."""

    is_broken: pl.Expr
    sentence: pl.Expr


def _rule(is_broken: pl.Expr, *sentence: str | pl.Expr) -> Rule:
    parts = [pl.lit(part) if isinstance(part, str) else part for part in sentence]
    return Rule(is_broken.fill_null(value=False), pl.concat_str(parts))


def _is_given(field: str) -> pl.Expr:
    """An empty text is none."""
    return (pl.col(field) != '""').fill_null(value=False)


def _is_text(field: str) -> pl.Expr:
    return pl.col(field).str.starts_with('"')


def _of_epoch(field: str) -> pl.Expr:
    """What to write for seconds, milliseconds or microseconds since 1970; nothing for any other text."""
    digits = pl.col(field).str.strip_chars('"')
    micros = pl.coalesce(
        pl.when(digits.str.contains(rf"^\d{{{length}}}(?:\.\d+)?$"))
        .then(digits.str.extract(r"^(\d+)").cast(pl.Int64, strict=False) * factor)
        .otherwise(None)
        for length, factor in ((10, 1_000_000), (13, 1_000), (16, 1))
    )
    written = micros.cast(pl.Datetime("us")).dt.to_string("%Y-%m-%dT%H:%M:%S%.fZ")
    return pl.concat_str(pl.lit("; write "), written, pl.lit(" for it")).fill_null("")


_NOT_AN_OBJECT: Final = _rule(
    ~pl.col("line").str.starts_with("{"), "the line is no JSON object: an event is {…} with an event_name"
)
_RULES: Final = (
    _rule(pl.col("reserved").is_not_null(), "fields that begin with $ are reserved, rename them: ", pl.col("reserved")),
    _rule(pl.col("twice").is_not_null(), "given more than once: ", pl.col("twice"), "; give each field once"),
    *(
        _rule(pl.col(field) != pl.col(camel), f"{field} and {camel} are both given and differ: use one spelling")
        for field, camel in SPELLINGS.items()
    ),
    *(_rule(_is_given(field) & ~_is_text(field), f"{field} is no text: put it in quotes") for field in SPELLINGS),
    _rule(~_is_given("event_name"), "event_name is missing: name the event"),
    _rule(
        ~_is_given("customer_id") & ~_is_given("external_customer_id"), "no customer: give customer_id or external_customer_id"
    ),
    _rule(
        _is_given("customer_id") & _is_given("external_customer_id"),
        "two customers: give customer_id or external_customer_id, not both",
    ),
    _rule(
        pl.col("timestamp").is_not_null() & ~pl.col("is_instant"),
        "timestamp is no ISO 8601 time such as 2026-01-31T09:30:00Z: ",
        pl.col("timestamp").str.slice(0, _SHOWN),
        _of_epoch("timestamp"),
    ),
    _rule(
        pl.col("received_at").is_not_null() & ~pl.col("is_stated"),
        "received_at is no ISO 8601 time such as 2026-01-31T09:30:00Z: ",
        pl.col("received_at").str.slice(0, _SHOWN),
    ),
    _rule(
        pl.col("is_instant") & (pl.col("instant") > pl.col("arrived_at") + LATEST_AHEAD),
        "timestamp is more than one hour after the event was received, at ",
        pl.col("arrived_at").dt.to_string("%Y-%m-%dT%H:%M:%SZ"),
    ),
    _rule(~pl.col("properties").str.starts_with("{"), "properties is no object: write {…}"),
    _rule(pl.col("is_too_deep"), f"properties nests deeper than {DEPTH_MAX}"),
    _rule(pl.col("leaves") > LEAVES_MAX, f"properties nests and holds more than {LEAVES_MAX:,} values"),
    _rule(pl.col("properties_twice").is_not_null(), "given more than once in properties: ", pl.col("properties_twice")),
    _rule(pl.col("is_out_of_range"), f"properties holds a number with an exponent beyond {EXPONENT_MAX}"),
    _rule(~pl.col("tombstone").is_in(["true", "false"]), "tombstone is neither true nor false"),
)


def judge(fields: pl.DataFrame, as_of: datetime) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Part lines into events and lines that break a rule.

    In: what `reading.read_fields` returns. Out: the events (file, position, element and what one line says of raw_events'
    columns), and LINES of the others, all reasons in `fault`. received_at is what the file states where that is not later
    than as_of, and as_of otherwise (R-9); of a door's events it is their receipt (R-60).
    """
    fields = fields.with_columns(
        *(pl.coalesce(field, camel).alias(field) for field, camel in SPELLINGS.items()),
        arrived_at=pl.when((pl.col("stated_at") <= as_of) | pl.col("is_receipt"))
        .then("stated_at")
        .otherwise(pl.lit(as_of, dtype=pl.Datetime("us"))),
        is_instant=pl.col("instant").is_not_null(),
        is_stated=pl.col("stated_at").is_not_null(),
    )
    is_event = ~fields.select(pl.any_horizontal(rule.is_broken for rule in (_NOT_AN_OBJECT, *_RULES))).to_series()
    if is_event.all():
        return _events(fields), fields.clear().select(*LINES)
    return _events(fields.filter(is_event)), _with_reasons(fields.filter(~is_event))


def _with_reasons(broken: pl.DataFrame) -> pl.DataFrame:
    reasons = pl.concat_str((pl.when(rule.is_broken).then(rule.sentence) for rule in _RULES), separator="; ", ignore_nulls=True)
    return broken.with_columns(fault=pl.when(_NOT_AN_OBJECT.is_broken).then(_NOT_AN_OBJECT.sentence).otherwise(reasons)).select(
        *LINES
    )


def _events(fields: pl.DataFrame) -> pl.DataFrame:
    return fields.select(
        "file",
        "position",
        "element",
        *(_content(fields.get_column(field)) for field in SPELLINGS),
        timestamp=pl.coalesce("instant", "arrived_at"),
        tombstone=(pl.col("tombstone") == "true").fill_null(value=False),
        properties="properties",
        received_at="arrived_at",
        is_time_made_up=pl.col("instant").is_null() & ~(pl.col("tombstone") == "true").fill_null(value=False),
        is_bare_date="is_bare_date",
    )


def _content(texts: pl.Series) -> pl.Series:
    """The content of JSON texts; of an empty one null. Only the few with an escape need to be decoded."""
    contents = texts.str.strip_chars('"')
    escaped = texts.str.contains("\\", literal=True).fill_null(value=False)
    if escaped.any():
        contents = contents.scatter(escaped.arg_true(), texts.filter(escaped).str.json_decode(pl.String))
    return contents.replace("", None)
