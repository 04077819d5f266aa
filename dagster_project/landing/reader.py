"""Lines to the fields of events, whatever file they came in: `Event` says what is read, here it becomes columns.

Lines that are written as nearly all are become events together. Where one of them is not, all are looked at more closely: either
spelling is taken, unknown fields are noted, and lines that fit nothing are examined by themselves.

What belongs here: columns made of events. What does not: what their values have to be (`validation`).
"""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, Final

import polars as pl
from msgspec import Raw

from dagster_project.landing.event import KNOWN, SPELLINGS, Event, LineDecoder, LooseEvent, examined
from dagster_project.landing.findings import FINDINGS, unread_fields
from dagster_project.landing.line_splitter import lines_of
from dagster_project.landing.pieces import Piece, text_of
from dagster_project.landing.properties import canonical_texts
from dagster_project.landing.times import read_times

_SHAPES_MAX: Final = 200  # lists of names whose unread fields are looked at: where every line has its own, a few say it

_usual: Final = LineDecoder(Event)
_loose: Final = LineDecoder(LooseEvent)
_members: Final = LineDecoder(dict[str, Raw])

Names = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Fields:
    """What lines say, a row each: file, position, element; the fields of the event, texts null where they are empty; and beside them
    received_at (what the file states) and stated_at (when that is), is_receipt; instant and is_bare_date, when the event happened
    (null: no time); timestamp_json, a time that is no text; wrong, what is wrong with types and properties (null: nothing); is_read,
    whether the line is a JSON object.

    line_of: the text of a row. names: of the fields of each line, where somebody had to look at them.
    """

    rows: pl.DataFrame
    line_of: Callable[[int], str]
    names: Sequence[Names] = ()


@contextlib.contextmanager
def _without_collector() -> Iterator[None]:
    """Nothing that is made of lines refers to itself, so looking for what does costs time only."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


class Reader:
    """Reads lines. zone: of bare dates."""

    def __init__(self, zone: str) -> None:
        self._zone = zone

    @_without_collector()
    def of_piece(self, piece: Piece) -> Fields:
        """What the lines of a piece say, lists and envelopes taken apart."""
        if not piece.holds_objects or (events := _usual.together(piece.text, len(piece.start))) is None:
            return self.of_lines(lines_of(piece))
        places = pl.DataFrame({"file": piece.file, "position": piece.position}).with_columns(
            element=pl.lit(0, dtype=pl.Int32),
            received_at=pl.lit(None, dtype=pl.String),
            is_receipt=pl.lit(None, dtype=pl.Boolean),
        )
        text, start, end = piece.text, piece.start, piece.end
        return Fields(self._rows(places, events), lambda row: text_of(text[start[row] : end[row]]))

    def of_lines(self, lines: pl.DataFrame) -> Fields:
        """What LINES say; of those with a fault nothing."""
        texts, faults = lines.get_column("line"), lines.get_column("fault")
        items = texts.cast(pl.Binary).to_list()
        are_objects = faults.null_count() == len(items) and bool((texts.str.starts_with("{") & texts.str.ends_with("}")).all())
        events = _usual.together(b"\n".join(items), len(items)) if are_objects else None
        if events is not None:
            return Fields(self._rows(lines, events), texts.__getitem__)
        events = _each(_loose, items, are_objects=are_objects)
        times: list[str | None] = [None] * len(items)
        names = list(map(_names, items, _each(_members, items, are_objects=are_objects)))
        odd_names = {one for one in set(names) if _are_odd(one)}
        wrong, is_read = faults.to_list(), [fault is None for fault in faults]
        for row, fault in enumerate(wrong):
            if fault is not None:
                events[row] = LooseEvent()
            elif events[row] is None or names[row] in odd_names:
                found = examined(items[row])
                events[row], wrong[row], is_read[row], times[row] = (
                    found.event,
                    found.wrong,
                    found.is_read,
                    found.timestamp_json,
                )
        more = {
            "wrong": pl.Series(wrong, dtype=pl.String),
            "timestamp_json": pl.Series(times, dtype=pl.String),
            "is_read": pl.Series(is_read, dtype=pl.Boolean),
        }
        return Fields(self._rows(lines, events, **more), texts.__getitem__, names)

    def _rows(self, places: pl.DataFrame, events: Sequence[Any], **more: pl.Series) -> pl.DataFrame:
        """Fields.rows of events. more: what was found of lines that had to be looked at."""
        fields = {name: _texts(events, name) for name in SPELLINGS}
        if more:
            fields = {
                name: field.zip_with(field.is_not_null(), _texts(events, f"{name}_camel")) for name, field in fields.items()
            }
        properties, faults = canonical_texts(list(map(attrgetter("properties"), events)))
        times = pl.Series(list(map(attrgetter("timestamp"), events)), dtype=pl.String)
        return places.select("file", "position", "element", "received_at", "is_receipt").with_columns(
            **fields,
            timestamp=times,
            tombstone=pl.Series(list(map(attrgetter("tombstone"), events)), dtype=pl.Boolean),
            properties=properties,
            **read_times(times, self._zone).select("instant", "is_bare_date").to_dict(),
            stated_at=_stated_at(places.get_column("received_at")),
            timestamp_json=more.get("timestamp_json", pl.lit(None, dtype=pl.String)),
            is_read=more.get("is_read", pl.lit(value=True)),
            wrong=pl.concat_str(more["wrong"], faults, separator="; ", ignore_nulls=True).replace("", None) if more else faults,
        )


def _stated_at(stated: pl.Series) -> pl.Series:
    if stated.null_count() == len(stated):
        return pl.Series([None], dtype=pl.Datetime("us")).new_from_index(0, len(stated))
    return read_times(stated, "UTC").get_column("instant")


def unread_in(fields: Fields, is_event: pl.Series) -> pl.DataFrame:
    """FINDINGS about fields that nobody reads, of the rows that are events."""
    if not fields.names:
        return pl.DataFrame(schema=FINDINGS)
    numbers = {names: number for number, names in enumerate(dict.fromkeys(fields.names))}
    of_rows = fields.rows.select(
        "file", "position", number=pl.Series(list(map(numbers.__getitem__, fields.names)), dtype=pl.UInt32)
    )
    unread = {number: [name for name in names if name not in KNOWN] for names, number in numbers.items()}
    of_events = of_rows.filter(is_event, pl.col("number").is_in([number for number, names in unread.items() if names]))
    alike = of_events.partition_by("number", as_dict=True, maintain_order=True)
    found = [
        unread_fields(rows["file"], rows["position"], unread[number]) for (number,), rows in [*alike.items()][:_SHAPES_MAX]
    ]
    return pl.concat([pl.DataFrame(schema=FINDINGS), *found])


def _each(decoder: LineDecoder, items: Sequence[bytes], *, are_objects: bool) -> list[Any]:
    """The values of lines; None for each that is not what is expected."""
    found = decoder.together(b"\n".join(items), len(items)) if are_objects else None
    return list(map(decoder.alone, items)) if found is None else found


def _names(item: bytes, members: dict[str, Raw] | None) -> Names:
    """The fields that a line gives, of those that are null only what is reserved."""
    if members is None:
        return ()
    if b"null" not in item:
        return tuple(members)
    return tuple(name for name, value in members.items() if name.startswith("$") or bytes(value) != b"null")


def _are_odd(names: Names) -> bool:
    """Whether fields are reserved, or given in both spellings."""
    return any(name.startswith("$") for name in names) or any(
        snake in names and camel in names for snake, camel in SPELLINGS.items()
    )


def _texts(events: Sequence[Any], name: str) -> pl.Series:
    """A field of events; null where it is empty."""
    found = pl.Series(list(map(attrgetter(name), events)), dtype=pl.String)
    is_empty = found == ""
    return found.set(is_empty, None) if is_empty.any() else found
