"""JSON files to lines: cut at line ends, or at the events of one document, in pieces that fit in memory.

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
from dagster_project.landing.documents import NotOneDocument, Places
from dagster_project.landing.lines import BLANK, LINES, lines
from dagster_project.landing.queries import query

Pieces = Callable[[], Iterator[bytes]]

NOT_UTF8: Final = "the line is not valid UTF-8"
LINE_BYTES_MAX: Final = 1 << 26  # a longer line is no event; it is kept by its beginning only, which is no JSON any more
_KEPT_BYTES: Final = 1 << 16

_HEAD_BYTES: Final = 1 << 16  # a document opens its list of events within these
_BOM: Final = b"\xef\xbb\xbf"
_LINE_END: Final = ord("\n")
_BRACKETS_ALONE: Final = re.compile(rb'\s*(\[|\{\s*("events"\s*:\s*\[?)?)\s*')
_HOLDS_MANY: Final = """
select
    coalesce(kind = 'ARRAY', false) as is_list,
    coalesce(json_type(object, '$.events') = 'ARRAY' and json_type(object, '$.event_name') is null
        and json_type(object, '$.eventName') is null, false) as is_envelope
from (
    select case when json_valid(line) then json_type(line) end as kind, case when kind = 'OBJECT' then line end as object from rows
)
"""


def cut(connection: duckdb.DuckDBPyConnection, file: int, pieces: Pieces) -> Iterator[pl.DataFrame]:
    """LINES of one JSON file, in order; blank lines are none.

    In: `pieces` gives the file's bytes from the beginning, in pieces of any size, each time it is called. A file that is one list
    or one envelope from end to end has an event an element, and its index for position. In any other file every line stands
    for itself: an event, or a list or envelope of events.
    """
    if _is_one_document(pieces):
        yield from _document(connection, file, pieces)
    elif event := _one_event(pieces):
        yield lines(file, np.array([1]), pl.Series([event]))
    else:
        yield from _lines(connection, file, pieces)


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
    head = next(beginning, b"").lstrip()
    first, _, rest = head.partition(b"\n")
    if not first.startswith((b"[", b"{")):
        return False
    value = _json_value(first)
    if value is not None:
        is_alone = not rest.strip() and not any(piece.strip() for piece in beginning)
        return is_alone and _holds_many(value) and _is_balanced(pieces)
    second = rest.lstrip().partition(b"\n")[0]
    if not _BRACKETS_ALONE.fullmatch(first) and _json_value(second) is not None:
        return False  # a broken first line before a good one
    return _is_balanced(pieces)


def _one_event(pieces: Pieces) -> str | None:
    """The text of a file that is nothing but one event over several lines, as far as a head holds it."""
    beginning = _from_start(pieces())
    text = next(beginning, b"").strip()
    is_event = text.startswith(b"{") and b"\n" in text and next(beginning, None) is None and _json_value(text) is not None
    return text.decode() if is_event else None


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


def _document(connection: duckdb.DuckDBPyConnection, file: int, pieces: Pieces) -> Iterator[pl.DataFrame]:
    before = 0
    for text, spans in documents.events_of_document(_from_start(pieces())):
        texts, fault = _texts(connection, text, _interleaved(spans))
        position = np.arange(before + 1, before + len(spans.start) + 1)
        before += len(position)
        yield lines(file, position, texts.gather_every(2).str.strip_chars(BLANK), fault=fault.gather_every(2))


def _interleaved(spans: documents.Spans) -> Places:
    """Starts and ends in turn: every other text between them is an event, the others are what separates them."""
    return np.stack([spans.start, spans.end], axis=1).reshape(-1)


def _lines(connection: duckdb.DuckDBPyConnection, file: int, pieces: Pieces) -> Iterator[pl.DataFrame]:
    before = 0
    for texts, fault in _whole_lines(connection, _from_start(pieces())):
        position = np.arange(before + 1, before + len(texts) + 1)
        before += len(position)
        cut_lines = lines(file, position, texts.str.strip_chars(BLANK), fault=fault)
        if not cut_lines.get_column("line").str.starts_with("{").all():
            cut_lines = cut_lines.filter(pl.col("line") != "")
        yield _unfolded(connection, cut_lines)


def _whole_lines(connection: duckdb.DuckDBPyConnection, pieces: Iterator[bytes]) -> Iterator[tuple[pl.Series, pl.Series]]:
    """The lines that end in each piece. Only the line that two pieces share is copied; the others stay where they were read."""
    begun, is_too_long = b"", False
    for piece in pieces:
        bounds = documents.places_of(np.frombuffer(piece, dtype=np.uint8), _LINE_END) + 1
        if len(bounds):
            shared = begun if is_too_long else begun + piece[: bounds[0]]
            yield _joined(_texts(connection, shared, np.array([0, len(shared)])), _texts(connection, piece, bounds))
            begun, is_too_long = piece[bounds[-1] :], False
        elif not is_too_long:
            begun += piece
        if len(begun) > LINE_BYTES_MAX:
            begun, is_too_long = begun[:_KEPT_BYTES], True
    if begun:
        yield _texts(connection, begun, np.array([0, len(begun)]))


def _joined(first: tuple[pl.Series, pl.Series], second: tuple[pl.Series, pl.Series]) -> tuple[pl.Series, pl.Series]:
    return first[0].append(second[0]), first[1].append(second[1])


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
    return pl.concat([cut_lines.filter(~may_hold_many), singles, *many]).sort("position", "element")


def _events_in(holders: pl.DataFrame, find: Callable[[documents.Bytes, documents.Signs], documents.Spans]) -> pl.DataFrame:
    """LINES of the events that lines of one kind hold."""
    texts = holders.get_column("line")
    text = np.frombuffer("\n".join(texts).encode(), dtype=np.uint8)
    spans = find(text, documents.scan(text))
    line_end = np.cumsum(texts.str.len_bytes().to_numpy().astype(np.int64) + 1)
    holder = np.searchsorted(line_end, spans.start, side="right")
    events = (
        pl.Series(_text_array(text.tobytes(), _interleaved(spans))).gather_every(2)
        if len(holder)
        else pl.Series(dtype=pl.String)
    )
    return (
        holders[holder]
        .select(pl.exclude("is_list", "is_envelope", "line"), line=events.str.strip_chars(BLANK))
        .filter(pl.col("line") != "")  # the inside of an empty list
        .with_columns(element=pl.int_range(1, pl.len() + 1, dtype=pl.Int32).over("position"))
        .select(*LINES)
    )


def _text_array(text: bytes, bounds: Places) -> pa.LargeStringArray:
    return pa.LargeStringArray.from_buffers(len(bounds) - 1, pa.py_buffer(bounds), pa.py_buffer(text))


_FINDERS: Final = {"is_list": documents.events_of_lists, "is_envelope": documents.events_of_envelopes}


def _texts(connection: duckdb.DuckDBPyConnection, text: bytes, bounds: Places) -> tuple[pl.Series, pl.Series]:
    """The texts between bounds, and a fault for each that is not UTF-8 (its wrong bytes are then shown as U+FFFD)."""
    texts = _text_array(text, bounds)
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
