"""JSON texts that hold many events, taken apart without parsing them: where each event of a list begins and ends.

A vectorized byte scanner: which quotes are not escaped, which brackets and commas stand outside strings, how deep each one is.
The texts of the events go the way of lines; so nothing here changes a byte of them.

What belongs here: lists of events, and `{"events": […]}` envelopes around them. What does not: what an event is.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from dagster_project.landing.stretches import Bytes, Places, places_of

ENVELOPE_KEY: Final = b"events"
ELEMENT_BYTES_MAX: Final = 1 << 26  # a longer element is no event, and must not fill the memory

_QUOTE, _BACKSLASH, _COMMA = (ord(sign) for sign in '"\\,')
_STEPS: Final = np.zeros(256, dtype=np.int8)  # what a byte does to the depth
_STEPS[[ord(sign) for sign in "[{"]] = 1
_STEPS[[ord(sign) for sign in "]}"]] = -1
_SIGNS: Final = tuple(ord(sign) for sign in "[]{},")


class NotOneDocument(Exception):
    """The text is not one list or envelope from its first bracket to its last."""


@dataclass(frozen=True, slots=True)
class Signs:
    """Brackets and commas outside strings, in order: place, byte, and depth (of a bracket: inside it)."""

    place: Places
    sign: Bytes
    depth: Places
    quotes: Places  # the quotes that begin and end strings


@dataclass(frozen=True, slots=True)
class Spans:
    """The events of lists, in order: where each begins and ends."""

    start: Places
    end: Places


def scan(text: Bytes) -> Signs:
    """The signs of a text that begins outside any string."""
    quotes = places_of(text, _QUOTE)
    escaped = _escaped(text)
    if len(escaped):
        quotes = quotes[~np.isin(quotes, escaped, assume_unique=True)]
    place = places_of(text, *_SIGNS)
    place = place[np.searchsorted(quotes, place) % 2 == 0]
    sign = text[place]
    step = _STEPS[sign]
    return Signs(place, sign, np.cumsum(step, dtype=np.int64) + (step < 0), quotes)


def events_of_lists(_: Bytes, signs: Signs) -> Spans:
    """The events of every list at the top of a text of whole JSON values."""
    return _elements(signs, depth=1, chosen=signs.sign == ord("["))


def events_of_envelopes(text: Bytes, signs: Signs) -> Spans:
    """The events of every envelope at the top of a text of whole JSON values."""
    return _elements(signs, depth=2, chosen=_is_list_of_events(text, signs))


def events_of_document(pieces: Iterator[bytes]) -> Iterator[tuple[bytes, Spans]]:
    """The events of one list or envelope of any length: parts of the text, each with the whole events in it.

    In: the text in pieces of any size; its list must open in the first. Raises `NotOneDocument` where the text shows not to be
    one, which may be at its very end: a caller that must not act on half a document goes through it once before.
    """
    text = next(pieces, b"")
    opening, is_envelope = _opening(text)
    text = text[opening + 1 :]
    is_first = True
    while True:
        signs = scan(np.frombuffer(text, dtype=np.uint8))
        closing, ends = _ends(signs)
        starts = np.concatenate([[0], ends[:-1] + 1])[: len(ends)]
        is_empty_list = is_first and closing is not None and len(ends) == 1 and not text[: ends[0]].strip()
        if len(ends) and not is_empty_list:
            is_first = False
            yield text, Spans(starts, ends)
        if closing is not None:
            return _require_end(text[closing + 1 :], pieces, is_envelope=is_envelope)
        piece = next(pieces, None)
        if piece is None:
            raise NotOneDocument
        text = text[ends[-1] + 1 if len(ends) else 0 :] + piece
        if len(text) > ELEMENT_BYTES_MAX + len(piece):
            raise NotOneDocument


def _ends(signs: Signs) -> tuple[int | None, Places]:
    """Of a text that begins inside a list: where the list closes (None: not in this text), and where its elements end."""
    at_list = signs.depth == 0
    closings = np.flatnonzero(at_list & (_STEPS[signs.sign] < 0))
    if not len(closings):
        return None, signs.place[at_list & (signs.sign == _COMMA)]
    if signs.sign[closings[0]] != ord("]"):
        raise NotOneDocument
    inside = slice(0, closings[0] + 1)
    is_end = at_list[inside] & (_STEPS[signs.sign[inside]] <= 0)
    return int(signs.place[closings[0]]), signs.place[inside][is_end]


def _escaped(text: Bytes) -> Places:
    """Places after an odd run of backslashes."""
    backslashes = places_of(text, _BACKSLASH)
    is_start = np.diff(backslashes, prepend=-2) != 1
    starts = backslashes[is_start]
    lengths = np.diff(np.append(np.flatnonzero(is_start), len(backslashes)))
    after_odd: Places = (starts + lengths)[lengths % 2 == 1]
    return after_odd


def _is_list_of_events(text: Bytes, signs: Signs) -> NDArray[np.bool_]:
    """Which signs open a list that is the value of an object's `events`: the last string before it is that key."""
    is_list = (signs.sign == ord("[")) & (signs.depth == 2)
    quotes_before = np.searchsorted(signs.quotes, signs.place)
    has_key = is_list & (quotes_before >= 2)
    key_end = signs.quotes[quotes_before[has_key] - 1]
    key_start = signs.quotes[quotes_before[has_key] - 2] + 1
    is_key = key_end - key_start == len(ENVELOPE_KEY)
    for offset, byte in enumerate(ENVELOPE_KEY):
        is_key &= text[np.minimum(key_start + offset, len(text) - 1)] == byte
    # a list inside a list, after a string element, is not the value of that string
    between = np.flatnonzero(has_key)
    is_key &= (between == 0) | (signs.place[np.maximum(between - 1, 0)] < key_start)
    chosen = np.zeros(len(signs.sign), dtype=np.bool_)
    chosen[between[is_key]] = True
    return chosen


def _elements(signs: Signs, depth: int, chosen: NDArray[np.bool_]) -> Spans:
    """The elements of the chosen lists that lie `depth` deep: between their brackets and the commas at that depth."""
    step = _STEPS[signs.sign]
    opens = np.flatnonzero((step > 0) & (signs.depth == depth))
    closes = np.flatnonzero((step < 0) & (signs.depth == depth))  # at one depth, brackets open and close in turn
    if len(opens) != len(closes):
        raise NotOneDocument
    commas = np.flatnonzero((step == 0) & (signs.depth == depth))
    is_chosen = chosen[opens]
    commas = commas[is_chosen[np.maximum(np.searchsorted(opens, commas) - 1, 0)]] if len(opens) else commas
    starts = np.sort(np.concatenate([signs.place[opens[is_chosen]], signs.place[commas]])) + 1
    ends = np.sort(np.concatenate([signs.place[closes[is_chosen]], signs.place[commas]]))
    return Spans(starts, ends)


def _opening(text: bytes) -> tuple[int, bool]:
    """Where the list of events opens, and whether it lies in an envelope."""
    body = text.lstrip()
    if body.startswith(b"["):
        return len(text) - len(body), False
    array = np.frombuffer(text, dtype=np.uint8)
    signs = scan(array)
    chosen = np.flatnonzero(_is_list_of_events(array, signs))
    if not body.startswith(b"{") or not len(chosen):
        raise NotOneDocument
    return int(signs.place[chosen[0]]), True


def _require_end(rest: bytes, pieces: Iterator[bytes], *, is_envelope: bool) -> None:
    """What follows the list: the rest of its envelope, and then nothing."""
    while is_envelope:
        signs = scan(np.frombuffer(rest, dtype=np.uint8))
        closings = np.flatnonzero((signs.depth == 0) & (_STEPS[signs.sign] < 0))
        if len(closings):
            rest = rest[signs.place[closings[0]] + 1 :]
            break
        piece = next(pieces, None)
        if piece is None:
            raise NotOneDocument
        rest += piece
    if rest.strip() or any(piece.strip() for piece in pieces):
        raise NotOneDocument
