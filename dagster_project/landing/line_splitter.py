"""JSON files to stretches: cut at line ends, or at the events of one document, in pieces that fit in memory. Stretches to LINES.

What belongs here: where a line begins and ends, and whether it is text at all. What does not: what stands in it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Final

import duckdb
import numpy as np
import polars as pl
import pyarrow as pa

from dagster_project.landing import documents
from dagster_project.landing.documents import NotOneDocument
from dagster_project.landing.lines import BLANK, LINES, lines
from dagster_project.landing.queries import query
from dagster_project.landing.stretches import Bytes, Places, Stretch, interleaved, places_of, text_array
from dagster_project.landing.stretches import texts as texts_between

Pieces = Callable[[], Iterator[bytes]]

NOT_UTF8: Final = "the line is not valid UTF-8"
LINE_BYTES_MAX: Final = 1 << 26  # a longer line is no event; it is kept by its beginning only, which is no JSON any more
_KEPT_BYTES: Final = 1 << 16

_HEAD_BYTES: Final = 1 << 16  # a document opens its list of events within these
_BOM: Final = b"\xef\xbb\xbf"
_LINE_END, _RETURN = ord("\n"), ord("\r")
_BRACKETS_ALONE: Final = re.compile(rb'\s*(\[|\{\s*("events"\s*:\s*\[?)?)\s*')
_BLANKS: Final = re.compile(rb"\s*")
_HOLDS_MANY: Final = """
select
    coalesce(kind = 'ARRAY', false) as is_list,
    coalesce(json_type(object, '$.events') = 'ARRAY' and json_type(object, '$.event_name') is null
        and json_type(object, '$.eventName') is null, false) as is_envelope
from (
    select case when json_valid(line) then json_type(line) end as kind, case when kind = 'OBJECT' then line end as object from rows
)
"""


def cut(file: int, pieces: Pieces) -> Iterator[Stretch]:
    """The lines of one JSON file, in order; empty lines are none.

    In: `pieces` gives the file's bytes from the beginning, in pieces of any size, each time it is called. A file that is one list
    or one envelope from end to end has an event an element, and its index for position. In any other file every line stands
    for itself: an event, or a list or envelope of events.
    """
    if _is_one_document(pieces):
        yield from _document(file, pieces)
    elif event := _one_event(pieces):
        yield _stretch(file, event, np.array([0]), np.array([len(event)]), np.array([1]), is_list=True)
    else:
        yield from _lines(file, pieces)


def lines_of(connection: duckdb.DuckDBPyConnection, stretch: Stretch) -> pl.DataFrame:
    """LINES of a stretch, with those that are a list or an envelope replaced by their events; blank lines are none."""
    texts, fault = _texts(connection, stretch.text, interleaved(stretch.start, stretch.end))
    found = lines(
        stretch.file,
        stretch.position,
        texts.gather_every(2).str.strip_chars(BLANK),
        fault=fault.gather_every(2),
    )
    return found if stretch.is_list else _unfolded(connection, found.filter(pl.col("line") != ""))


def _from_start(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The pieces with enough of the file in the first to judge it by, and without a byte order mark."""
    head = b""
    for piece in pieces:
        head += piece
        if len(head) >= _HEAD_BYTES:
            break
    yield head.removeprefix(_BOM)
    yield from pieces


def _is_one_document(pieces: Pieces) -> bool:
    """Decide by the first lines; where these allow a document, by its brackets up to the end of the file."""
    beginning = _from_start(pieces())
    head = next(beginning, b"")
    first, end = _line_from(head, 0)
    if not first.startswith((b"[", b"{")):
        return False
    value = _json_value(first)
    if value is not None:
        is_alone = _is_blank(head, end) and all(_is_blank(piece) for piece in beginning)
        return is_alone and _holds_many(value) and _is_balanced(pieces)
    if not _BRACKETS_ALONE.fullmatch(first) and _json_value(_line_from(head, end)[0]) is not None:
        return False  # a broken first line before a good one
    return _is_balanced(pieces)


def _one_event(pieces: Pieces) -> bytes | None:
    """The text of a file that is nothing but one event over several lines, as far as a head holds it."""
    beginning = _from_start(pieces())
    text = next(beginning, b"")
    first, end = _line_from(text, 0)
    if not first.startswith(b"{") or _is_blank(text, end) or _json_value(first) is not None or next(beginning, None):
        return None
    return text.strip() if _json_value(text.strip()) is not None else None


def _line_from(text: bytes, place: int) -> tuple[bytes, int]:
    """The first line from a place on that is not blank, and where it ends."""
    begin = _blanks_end(text, place)
    end = text.find(b"\n", begin)
    end = len(text) if end < 0 else end
    return text[begin:end], end


def _is_blank(text: bytes, place: int = 0) -> bool:
    return _blanks_end(text, place) == len(text)


def _blanks_end(text: bytes, place: int) -> int:
    blanks = _BLANKS.match(text, place)
    return blanks.end() if blanks else place


def _json_value(text: bytes) -> object:
    """The value of a JSON text; None where it is not JSON (or null)."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _holds_many(value: object) -> bool:
    if isinstance(value, dict):
        return isinstance(value.get("events"), list) and value.get("event_name", value.get("eventName")) is None
    return isinstance(value, list)


def _is_balanced(pieces: Pieces) -> bool:
    try:
        for _ in documents.events_of_document(_from_start(pieces())):
            pass
    except NotOneDocument:
        return False
    return True


def _document(file: int, pieces: Pieces) -> Iterator[Stretch]:
    before = 0
    for text, spans in documents.events_of_document(_from_start(pieces())):
        position = np.arange(before + 1, before + len(spans.start) + 1)
        before += len(position)
        yield _stretch(file, text, spans.start, spans.end, position, is_list=True)


def _lines(file: int, pieces: Pieces) -> Iterator[Stretch]:
    before = 0
    for text in _whole_lines(_from_start(pieces())):
        bytes_ = np.frombuffer(text, dtype=np.uint8)
        line_end = places_of(bytes_, _LINE_END)
        end = line_end if text.endswith(b"\n") else np.append(line_end, len(text))
        start = np.concatenate([[0], line_end + 1])[: len(end)]
        position = np.arange(before + 1, before + len(end) + 1)
        before += len(end)
        has_return = (bytes_[end - 1] == _RETURN) & (end > start)
        end = end - has_return
        is_empty = end == start
        if is_empty.any():
            start, end, position = start[~is_empty], end[~is_empty], position[~is_empty]
        yield _stretch(file, text, start, end, position, breaks=len(line_end) + int(has_return.sum()))


def _whole_lines(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The pieces, cut anew at line ends."""
    begun, is_too_long = b"", False
    for piece in pieces:
        if is_too_long:
            _, line_end, piece = piece.partition(b"\n")
            if not line_end:
                continue
            yield begun
            begun, is_too_long = b"", False
        text = begun + piece
        end = text.rfind(b"\n") + 1
        if end:
            yield text[:end]
        begun = text[end:]
        if len(begun) > LINE_BYTES_MAX:
            begun, is_too_long = begun[:_KEPT_BYTES], True
    if begun:
        yield begun


def _stretch(
    file: int, text: bytes, start: Places, end: Places, position: Places, *, breaks: int = 0, is_list: bool = False
) -> Stretch:
    return Stretch(text, start, end, np.full(len(start), file, dtype=np.uint32), position, breaks, is_list)


def _unfolded(connection: duckdb.DuckDBPyConnection, cut_lines: pl.DataFrame) -> pl.DataFrame:
    """The lines, with those that are a list or an envelope replaced by their events."""
    line = pl.col("line")
    may_hold_many = (
        cut_lines.get_column("fault").is_null()
        & cut_lines.select(line.str.starts_with("[") | line.str.contains('"events"', literal=True)).to_series()
    )
    if not may_hold_many.any():
        return cut_lines
    suspects = cut_lines.filter(may_hold_many)
    suspects = pl.concat([suspects, query(connection, _HOLDS_MANY, suspects)], how="horizontal")
    singles = suspects.filter(~(pl.col("is_list") | pl.col("is_envelope"))).select(cut_lines.columns)
    many = [_events_in(suspects.filter(kind), find) for kind, find in _FINDERS.items()]
    return pl.concat([cut_lines.filter(~may_hold_many), singles, *many]).sort("file", "position", "element")


def _events_in(holders: pl.DataFrame, find: Callable[[Bytes, documents.Signs], documents.Spans]) -> pl.DataFrame:
    """LINES of the events that lines of one kind hold."""
    texts = holders.get_column("line")
    text = np.frombuffer("\n".join(texts).encode(), dtype=np.uint8)
    spans = find(text, documents.scan(text))
    line_end = np.cumsum(texts.str.len_bytes().to_numpy().astype(np.int64) + 1)
    holder = np.searchsorted(line_end, spans.start, side="right")
    events = texts_between(text.tobytes(), spans.start, spans.end)
    return (
        holders[holder]
        .select(pl.exclude("is_list", "is_envelope", "line"), line=events.str.strip_chars(BLANK))
        .filter(pl.col("line") != "")  # the inside of an empty list
        .with_columns(element=pl.int_range(1, pl.len() + 1, dtype=pl.Int32).over("file", "position"))
        .select(*LINES)
    )


_FINDERS: Final = {"is_list": documents.events_of_lists, "is_envelope": documents.events_of_envelopes}


def _texts(connection: duckdb.DuckDBPyConnection, text: bytes, bounds: Places) -> tuple[pl.Series, pl.Series]:
    """The texts between bounds, and a fault for each that is not UTF-8 (its wrong bytes are then shown as U+FFFD)."""
    texts = text_array(text, bounds)
    try:
        texts.validate(full=True)
    except pa.ArrowInvalid:
        bytes_ = pa.LargeBinaryArray.from_buffers(
            pa.large_binary(), len(texts), [None, pa.py_buffer(bounds), pa.py_buffer(text)]
        )
        return _decoded(connection, pl.DataFrame({"bytes": bytes_}))
    return pl.Series(texts), pl.repeat(None, len(texts), dtype=pl.String, eager=True)


def _decoded(connection: duckdb.DuckDBPyConnection, lines_of_bytes: pl.DataFrame) -> tuple[pl.Series, pl.Series]:
    texts = query(connection, "select try(decode(bytes)) as text from rows", lines_of_bytes).get_column("text")
    wrong = texts.is_null()
    shown = b"\0".join(lines_of_bytes.get_column("bytes").filter(wrong)).decode(errors="replace").split("\0")
    return (
        texts.scatter(wrong.arg_true(), shown),
        pl.select(pl.when(wrong).then(pl.lit(NOT_UTF8))).to_series(),
    )
