"""JSON files to pieces: cut at line ends, or at the events of one document. Pieces to LINES.

What belongs here: where a line begins and ends. What does not: what stands in it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, Final

import msgspec
import numpy as np
import polars as pl
from msgspec import UNSET, Raw, UnsetType

from dagster_project.landing.columns import UnreadableColumns
from dagster_project.landing.event import NOT_UTF8, is_json
from dagster_project.landing.lines import BLANK, LINES, lines
from dagster_project.landing.pieces import Piece, is_utf8, piece_of, places_of, texts_of

Pieces = Callable[[], Iterator[bytes]]

LINE_BYTES_MAX: Final = 1 << 26  # a longer line is no event; it is kept by its beginning only, which is no JSON any more
DOCUMENT_BYTES_MAX: Final = 1 << 31  # a document is parsed whole, and so must fit into memory
_KEPT_BYTES: Final = 1 << 16

_HEAD_BYTES: Final = 1 << 16  # by so much of a file it is judged what it may be
_CHUNK_BYTES: Final = 1 << 24  # of a document's events that go on together
_BOM: Final = b"\xef\xbb\xbf"
_BLANK_BYTES: Final = BLANK.encode()
_RETURN: Final = ord("\r")
_BLANKS: Final = re.compile(rb"\s*")
_BRACKETS_ALONE: Final = re.compile(rb'\s*(\[|\{\s*("events"\s*:\s*\[?)?)\s*')
_TOKEN: Final = re.compile(rb'"(?:[^"\\]|\\.)*"|[\[\]{},]', re.DOTALL)


class _Envelope(msgspec.Struct):
    """A line or document that may hold events: it does where it lists some and names none itself."""

    events: Raw | UnsetType = UNSET
    event_name: Any = None
    event_name_camel: Any = msgspec.field(name="eventName", default=None)


_list: Final = msgspec.json.Decoder(list[Raw])
_envelope: Final = msgspec.json.Decoder(_Envelope)


def cut(file: int, pieces: Pieces, seen: Callable[[bytes], None]) -> Iterator[Piece]:
    """The lines of one JSON file, in order; blank lines are none.

    In: `pieces` gives the file's bytes from the beginning, in pieces of any size, each time it is called. A file that is one list
    or one envelope from end to end has an event an element, and its index for position. In any other file every line stands
    for itself: an event, or a list or envelope of events. `seen` is shown the bytes of lines before they are cut. Raises
    `UnreadableColumns` for a document that is too large.
    """
    if (events := _events_of_document(pieces)) is not None:
        yield from _document(file, events)
    elif event := _one_event(pieces):
        yield piece_of(file, [event], is_list=True)
    else:
        yield from _lines(file, _shown(pieces(), seen))


def lines_of(piece: Piece) -> pl.DataFrame:
    """LINES of a piece, with those that are a list or an envelope replaced by their events; blank lines are none."""
    texts = piece.lines()
    fault = None if is_utf8(piece.text) else [None if is_utf8(text) else NOT_UTF8 for text in texts]
    found = lines(
        piece.file,
        piece.position,
        texts_of(texts).str.strip_chars(BLANK),
        fault=pl.Series(fault, dtype=pl.String).extend_constant(None, 0 if fault else len(texts)),
    )
    return found if piece.is_list else _unfolded(found.filter(pl.col("line") != ""))


def events_in(text: bytes) -> list[bytes] | None:
    """The events of a list or an envelope; None where a text is neither."""
    try:
        if text.startswith(b"["):
            return [bytes(event) for event in _list.decode(text)]
        envelope = _envelope.decode(text)
        if envelope.events is UNSET or envelope.event_name is not None or envelope.event_name_camel is not None:
            return None
        return [bytes(event) for event in _list.decode(envelope.events)]
    except (msgspec.DecodeError, RecursionError):
        return None


def _unfolded(found: pl.DataFrame) -> pl.DataFrame:
    """The lines, with those that are a list or an envelope replaced by their events."""
    line = pl.col("line")
    may_hold_many = found.select(
        pl.col("fault").is_null() & (line.str.starts_with("[") | line.str.contains('"events"', literal=True))
    ).to_series()
    if not may_hold_many.any():
        return found
    suspects = found.filter(may_hold_many)
    held = [events_in(text.encode()) for text in suspects.get_column("line")]
    events = suspects.with_columns(pl.Series("line", _decoded(held), dtype=pl.List(pl.String))).filter(line.is_not_null())
    events = (
        events.filter(line.list.len() > 0)
        .with_columns(element=pl.int_ranges(1, line.list.len() + 1, dtype=pl.Int32))
        .explode("line", "element")
        .select(*LINES)
    )
    others = suspects.filter(pl.Series([one is None for one in held], dtype=pl.Boolean))
    return pl.concat([found.filter(~may_hold_many), others, events]).sort("file", "position", "element")


def _decoded(held: list[list[bytes] | None]) -> list[list[str] | None]:
    return [None if events is None else [event.decode() for event in events] for events in held]


# --- documents -----------------------------------------------------------------------------------------------------------------


def _events_of_document(pieces: Pieces) -> list[bytes] | None:
    """The events of a file that is one list or envelope; None where it is none, which its first lines tell of nearly every file."""
    beginning = _from_start(pieces())
    head = next(beginning, b"")
    first, end = _line_from(head, 0)
    if not first.startswith((b"[", b"{")):
        return None
    if is_json(first):
        if not _is_blank(head, end) or events_in(first) is None or not all(_is_blank(piece) for piece in beginning):
            return None
    elif not _BRACKETS_ALONE.fullmatch(first) and is_json(_line_from(head, end)[0]):
        return None  # a broken first line before a good one
    parts, size = [head], len(head)
    for piece in beginning:
        parts.append(piece)
        size += len(piece)
        if size > DOCUMENT_BYTES_MAX:
            raise UnreadableColumns(
                f"it begins as one JSON document and is longer than {DOCUMENT_BYTES_MAX / (1 << 30):.3g} GiB, and a document is "
                "read into memory whole; write its events as lines, one a line"
            )
    text = b"".join(parts).strip(_BLANK_BYTES)
    del parts
    return events_in(text) if is_json(text) else _elements(text)


def _elements(text: bytes) -> list[bytes] | None:
    """What stands between the commas of a list or envelope that is no JSON, by its brackets; None where these do not close."""
    of_list = 1 if text.startswith(b"[") else 2  # how deep the list of events lies
    depth, begin, key, found = 0, None, b"", list[bytes]()
    is_closed = False
    for token in _TOKEN.finditer(text):
        sign = token.group()
        depth += sign in (b"[", b"{")
        if sign == b"[" and depth == of_list and not is_closed and (of_list == 1 or key == b'"events"'):
            begin = token.end()
        elif begin is not None and depth == of_list and sign in (b",", b"]", b"}"):
            found.append(text[begin : token.start()].strip(_BLANK_BYTES))
            begin, is_closed = (token.end(), False) if sign == b"," else (None, sign == b"]")
        depth -= sign in (b"]", b"}")
        key = sign if sign.startswith(b'"') else b""
        if depth <= 0:
            return found if is_closed and token.end() == len(text) else None
    return None


def _document(file: int, events: list[bytes]) -> Iterator[Piece]:
    """Events of one document as pieces."""
    waiting, size, first = list[bytes](), 0, 1
    for event in events:
        waiting.append(event)
        size += len(event)
        if size > _CHUNK_BYTES:
            yield piece_of(file, waiting, first, is_list=True)
            first += len(waiting)
            waiting, size = [], 0
    if waiting:
        yield piece_of(file, waiting, first, is_list=True)


def _one_event(pieces: Pieces) -> bytes | None:
    """The text of a file that is nothing but one event over several lines, as far as a head holds it."""
    beginning = _from_start(pieces())
    text = next(beginning, b"")
    first, end = _line_from(text, 0)
    if not first.startswith(b"{") or _is_blank(text, end) or is_json(first) or next(beginning, None):
        return None
    return text.strip() if is_json(text.strip()) else None


# --- lines ---------------------------------------------------------------------------------------------------------------------


def _from_start(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The pieces with enough of the file in the first to judge it by, and without a byte order mark."""
    head = b""
    for piece in pieces:
        head += piece
        if len(head) >= _HEAD_BYTES:
            break
    yield head.removeprefix(_BOM)
    yield from pieces


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


def _shown(pieces: Iterator[bytes], seen: Callable[[bytes], None]) -> Iterator[bytes]:
    for piece in pieces:
        seen(piece)
        yield piece


def _lines(file: int, pieces: Iterator[bytes]) -> Iterator[Piece]:
    before = 0
    for text in _whole_lines(_from_start(pieces)):
        bytes_ = np.frombuffer(text, dtype=np.uint8)
        line_end = places_of(text, ord("\n"))
        end = line_end if text.endswith(b"\n") else np.append(line_end, len(text))
        start = np.concatenate([[0], line_end + 1])[: len(end)]
        position = np.arange(before + 1, before + len(end) + 1)
        before += len(end)
        end = end - ((bytes_[end - 1] == _RETURN) & (end > start))
        is_empty = end == start
        if is_empty.any():
            start, end, position = start[~is_empty], end[~is_empty], position[~is_empty]
        yield Piece(text, start, end, np.full(len(start), file, dtype=np.uint32), position)


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
