"""Lines to the fields of events, whatever file they came in: `Event` says what is read, here it becomes columns.

Lines that are alike become events together. Where a line is not what is expected, those around it are read one by one, and what fits
nothing is examined by itself.

What belongs here: columns made of events. What does not: what their values have to be (`validation`).
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from operator import attrgetter
from typing import Any, Final

import polars as pl

from dagster_project.landing.event import (
    FIELDS,
    MEMBERS,
    SPELLINGS,
    Expected,
    Members,
    UnknownField,
    decoder_of,
    examined,
    unreadable,
)
from dagster_project.landing.findings import unread_fields
from dagster_project.landing.line_splitter import lines_of
from dagster_project.landing.pieces import Piece, most_keys, text_of
from dagster_project.landing.properties import canonical_texts
from dagster_project.landing.times import read_times
from rating.books.garbage import uncollected

PARTS: Final = 16  # that a piece is read in where a line of it is not what is expected
PART_LINES_MIN: Final = 250  # about as many cost as much one by one as it costs to begin with a part
_FOUND: Final = {"wrong": pl.String(), "timestamp_json": pl.String(), "is_read": pl.Boolean()}
UNREAD: Final = {"row": pl.UInt32(), "field": pl.String()}
_PLACES: Final = ("file", "position", "element", "received_at", "is_receipt")


@dataclass(frozen=True, slots=True)
class Fields:
    """What lines say, a row each: file, position, element; the fields of the event, texts null where they are empty; and beside them
    received_at (what the file states) and stated_at (when that is), is_receipt; instant and is_bare_date, when the event happened
    (null: no time); timestamp_json, a time that is no text; wrong, what is wrong with types and properties (null: nothing); is_read,
    whether the line is a JSON object.

    unread: the fields of rows that nobody reads. line_of: the text of a row.
    """

    rows: pl.DataFrame
    unread: Sequence[tuple[int, str]]
    line_of: Callable[[int], str]


class Reader:
    """Reads lines. zone: of bare dates."""

    def __init__(self, zone: str) -> None:
        self._zone, self._expected = zone, Expected()

    @uncollected()  # nothing that is made of lines refers to itself
    def of_piece(self, piece: Piece) -> list[Fields]:
        """What the lines of a piece say, lists and envelopes taken apart; a part of them each."""
        if not piece.holds_objects:
            return [self.of_lines(lines_of(piece))]
        if (together := self._of_alike(piece)) is not None:
            return [together]
        if len(piece.start) < 2 * PART_LINES_MIN:
            return [self.of_lines(lines_of(piece))]
        parts = piece.parts(min(PARTS, len(piece.start) // PART_LINES_MIN))
        return [self.of_lines(lines_of(part)) if (alike := self._of_alike(part)) is None else alike for part in parts]

    def _of_alike(self, piece: Piece) -> Fields | None:
        """What lines say that are all alike; None where one is not."""
        if (together := self._together(piece.text, len(piece.start))) is None:
            return None
        count = len(piece.start)
        places = {
            "file": pl.Series(piece.file),
            "position": pl.Series(piece.position),
            "element": _everywhere(0, pl.Int32(), count),
            "received_at": _everywhere(None, pl.String(), count),
            "is_receipt": _everywhere(None, pl.Boolean(), count),
        }
        text, start, end = piece.text, piece.start, piece.end
        return self._fields(places, *together, lambda row: text_of(text[start[row] : end[row]]))

    def of_lines(self, lines: pl.DataFrame) -> Fields:
        """What LINES say; of those with a fault nothing."""
        texts, faults = lines.get_column("line"), lines.get_column("fault")
        items = texts.cast(pl.Binary).to_list()
        are_objects = faults.null_count() == len(items) and bool((texts.str.starts_with("{") & texts.str.ends_with("}")).all())
        if are_objects and (together := self._together(b"\n".join(items), len(items))) is not None:
            return self._fields(lines.to_dict(), *together, texts.__getitem__)
        events = list(map(_alone, items))
        odd = [(row, fault) for row, (event, fault) in enumerate(zip(events, faults, strict=True)) if event is None or fault]
        looked = {row: examined(items[row]) if fault is None else unreadable(fault) for row, fault in odd}
        for row, one in looked.items():
            events[row] = one.event
        told = {row: (one.wrong, one.timestamp_json, one.is_read) for row, one in looked.items()}
        usual = (None, None, True)
        found = pl.DataFrame([told.get(row, usual) for row in range(len(items))], schema=_FOUND, orient="row")
        unread = [(row, name) for row, one in looked.items() for name in one.unread]
        return self._fields(lines.to_dict(), _columns(events), unread, texts.__getitem__, **found.to_dict())

    def _together(self, text: bytes, count: int) -> tuple[_Columns, list[tuple[int, str]]] | None:
        """The fields of lines that are all alike and give no key twice, and UNREAD of them; what they are like is expected of the next
        ones too."""
        expected: Expected | None = self._expected
        tried = set[Expected]()
        while expected is not None and expected not in tried:
            try:
                events = decoder_of(expected).together(text, count)
            except UnknownField as field:
                tried.add(expected)
                expected = expected.with_field(field.name)
            else:
                if events is None:
                    return None
                self._expected = expected
                columns = _columns(events)
                if _may_repeat(text, columns.given, columns.properties):
                    return None
                return columns, _unread(events, expected.unread)
        return None

    def _fields(
        self,
        places: Mapping[str, pl.Series],
        columns: _Columns,
        unread: Sequence[tuple[int, str]],
        line_of: Callable[[int], str],
        **found: pl.Series,
    ) -> Fields:
        """Fields of columns, a row each. found: what was seen of lines that had to be examined."""
        properties, faults = canonical_texts(columns.properties)
        times, count = columns.texts["timestamp"], len(properties)
        read = read_times(times, self._zone)
        # a frame of columns that are there: a step of Polars for each list would cost a short one more than all that is in it
        rows = pl.DataFrame(
            {
                **{name: places[name] for name in _PLACES},
                **columns.texts,
                "tombstone": columns.tombstone,
                "properties": properties,
                "instant": read["instant"],
                "is_bare_date": read["is_bare_date"],
                "stated_at": _stated_at(places["received_at"]),
                "timestamp_json": found["timestamp_json"] if found else _everywhere(None, pl.String(), count),
                "is_read": found["is_read"] if found else _everywhere(True, pl.Boolean(), count),
                "wrong": _both(found["wrong"], faults) if found else faults,
            }
        )
        return Fields(rows, unread, line_of)


def unread_in(fields: Fields, is_event: pl.Series) -> pl.DataFrame:
    """FINDINGS about fields that nobody reads, of the rows that are events."""
    places = fields.rows.select("file", "position").with_row_index("row").filter(is_event)
    return unread_fields(pl.DataFrame(fields.unread, schema=UNREAD, orient="row").join(places, on="row"))


def _unread(events: Sequence[Any], names: Sequence[str]) -> list[tuple[int, str]]:
    """UNREAD of events that have been read together."""
    values = {name: map(attrgetter(f"unread_{number}"), events) for number, name in enumerate(names)}
    return [(row, name) for name, of_events in values.items() for row, value in enumerate(of_events) if value is not None]


def _both(wrong: pl.Series, faults: pl.Series) -> pl.Series:
    return pl.select(pl.concat_str(wrong, faults, separator="; ", ignore_nulls=True).replace("", None)).to_series()


def _stated_at(stated: pl.Series) -> pl.Series:
    if stated.null_count() == len(stated):
        return _everywhere(None, pl.Datetime("us"), len(stated))
    return read_times(stated, "UTC").get_column("instant")


@dataclass(frozen=True, slots=True)
class _Columns:
    """The fields of events as columns, texts null where they are empty, but for times; given: how many are there and not null."""

    texts: Mapping[str, pl.Series]
    tombstone: pl.Series
    properties: Sequence[Members | None]
    given: int


def _columns(events: Sequence[Any]) -> _Columns:
    def column(name: str, dtype: pl.DataType) -> pl.Series:
        values = list(map(attrgetter(name), events))
        if values[:1] == [None] and values.count(None) == len(values):
            return _everywhere(None, dtype, len(values))
        return pl.Series(values, dtype=dtype)

    texts = {name: column(name, pl.String()) for name in (*SPELLINGS, "timestamp")}
    tombstone, properties = column("tombstone", pl.Boolean()), list(map(attrgetter("properties"), events))
    given = (
        sum(len(found) - found.null_count() for found in (*texts.values(), tombstone)) + len(events) - properties.count(None)
    )
    texts |= {name: _filled(texts[name]) for name in SPELLINGS if texts[name].null_count() < len(events)}
    return _Columns(texts, tombstone, properties, given)


def _may_repeat(text: bytes, fields: int, properties: Iterable[Members | None]) -> bool:
    """Whether a line may give a key twice: there may be more keys than `fields` and those of properties. Keys within properties that
    nest are looked at where these are taken apart."""
    holding = [members for members in properties if members is not None]
    inner = sum(map(len, holding))
    most = most_keys(text)
    if most <= fields + inner:
        return False
    # fields that are null, or that nobody reads
    lines = MEMBERS.decode_lines(text)
    most -= sum(map(len, lines)) + inner
    if most <= 0:
        return False
    outer = (value for members in lines for name, value in members.items() if name != "properties")
    values = (bytes(value) for value in chain(outer, chain.from_iterable(members.values() for members in holding)))
    return most > sum(most_keys(value) for value in values if value.startswith((b"{", b"[")))


def _alone(line: bytes) -> Any:
    """The event of a line; None where it does not fit, or may give a key twice."""
    event = decoder_of(Expected()).alone(line)
    if event is None:
        return None
    fields = sum(getattr(event, name) is not None for name in FIELDS)
    return None if _may_repeat(line, fields, [event.properties]) else event


def _filled(texts: pl.Series) -> pl.Series:
    is_empty = texts == ""
    return texts.set(is_empty, None) if is_empty.any() else texts


def _everywhere(value: bool | int | None, dtype: pl.DataType, count: int) -> pl.Series:
    return _once(value, dtype).new_from_index(0, count)


@functools.cache
def _once(value: bool | int | None, dtype: pl.DataType) -> pl.Series:
    return pl.Series([value], dtype=dtype)
