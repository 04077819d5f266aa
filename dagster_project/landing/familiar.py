"""Events of lines that look like lines known before: found by comparing bytes, without parsing (see `shapes`).

Nearly every line has the shape of one before it. Lines are compared with the pieces of known shapes, many at a time, and their
values cut out as they stand; whatever differs in the least is left to `reading` and `validation`, which find the same events slower
and know what to say of the others. Nothing but time depends on what has been learned.

What belongs here: bytes. What does not: any sentence about what is wrong with a line.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import duckdb
import numpy as np
import polars as pl
from numpy.typing import NDArray

from dagster_project.landing.findings import unread_fields
from dagster_project.landing.instants import read_instants
from dagster_project.landing.queries import query
from dagster_project.landing.reading import SPELLINGS
from dagster_project.landing.shapes import PIECE_BYTES_MAX, Piece, Tree, shape_of
from dagster_project.landing.stretches import SCAN_BYTES, Bytes, Mask, Places, Stretch, Views, as_texts, is_utf8, views
from dagster_project.landing.times import read_times
from dagster_project.landing.validation import EVENTS, LATEST_AHEAD

Words = NDArray[np.uint64]

BLOCK_BYTES: Final = 1 << 21  # what is compared at a time
_PADDING: Final = bytes(2 * PIECE_BYTES_MAX + 64)  # a look beyond the first or the last line ends in these
_WORD_BYTES: Final = 8
_REACH: Final = 57  # so many bits of a word lie ahead of any place in its first byte
_ONE: Final = np.uint64(1)
_NONE: Final = np.empty(0, dtype=np.int64)
_ROUNDS_MAX: Final = 64  # a text longer than these many words is no plain value
_TRIES: Final = 4  # lines of a block that something may be learned from, again and again
_RARE: Final = 1_000  # one line of so many is left as it is
_SHAPES_MAX: Final = 1_000
_BYTES_KEPT: Final = 1_000  # of text for each event that waits to be written

_QUOTE, _BACKSLASH, _SPACE = (ord(sign) for sign in '"\\ ')
# what a double carries and DuckDB writes as it stands, but for idle zeros after the point
_PLAIN: Final = r"^(?:-?[1-9][0-9]{0,8}(?:\.[0-9]{1,6})?|0(?:\.[0-9]{1,4})?|true|false|null)$"
_IDLE_ZEROS: Final = r"\.[0-9]*0$"
_FOUND: Final = EVENTS | {"is_rewritten": pl.Boolean()}
_NEVER_EMPTY: Final = ("event_name", "timestamp")
_VALUES: Final = (*SPELLINGS, "timestamp", "properties")
_REWRITTEN: Final = "select json_transform(text, '\"JSON\"')::varchar as text from rows"


class Familiar:
    """The shapes that one landing has met so far."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, as_of: datetime, zone: str) -> None:
        self._connection, self._as_of, self._zone, self._shapes, self._count = connection, as_of, zone, Tree(), 0
        self.unread: list[pl.DataFrame] = []  # UNREAD of lines since somebody asked

    def receive_at(self, as_of: datetime) -> None:
        """What is looked at from now on was received at another moment; what has been learned stays."""
        self._as_of = as_of

    def events(self, stretches: Sequence[Stretch]) -> tuple[pl.DataFrame, list[Mask]]:
        """The events that can be told by their shape, as `validation.judge` gives them, and which lines of each stretch they are."""
        found = [self._events_of(stretch) for stretch in stretches]
        events = pl.concat([pl.DataFrame(schema=_FOUND), *(events for events, _ in found)])
        rewritten = events.get_column("is_rewritten").arg_true()
        if len(rewritten):
            properties = events.get_column("properties")
            texts = query(self._connection, _REWRITTEN, properties.gather(rewritten).to_frame("text")).get_column("text")
            events = events.with_columns(properties.scatter(rewritten, texts))
        return events.select(*EVENTS), [is_event for _, is_event in found]

    def verdicts(self, stretch: Stretch) -> tuple[Mask, list[str | None], Mask]:
        """Of the lines of a stretch: which can be told by their shape to be events, the key of those that have one, and which say no
        time or take an event back."""
        found = self._recognised(stretch)
        if found is None:
            nothing = np.zeros(len(stretch.start), dtype=np.bool_)
            return nothing, [None] * len(nothing), nothing
        keys = _values(stretch.text, found.blocks, "idempotency_key", np.arange(len(stretch.start))).to_list()
        return found.is_event, keys, ~_of_all(found.blocks, "timestamp") | found.is_tombstone

    def _events_of(self, stretch: Stretch) -> tuple[pl.DataFrame, Mask]:
        found = self._recognised(stretch)
        if found is None:
            return pl.DataFrame(schema=_FOUND), np.zeros(len(stretch.start), dtype=np.bool_)
        text, blocks = stretch.text, found.blocks
        self._note_unread(stretch, blocks, found.is_event)
        chosen = np.flatnonzero(found.is_event)
        events = pl.DataFrame(
            {
                "file": stretch.file[chosen],
                "position": stretch.position[chosen],
                "element": pl.repeat(0, len(chosen), dtype=pl.Int32, eager=True),
                **{name: _values(text, blocks, name, chosen) for name in SPELLINGS},
                "timestamp": pl.Series(found.instant[chosen]).cast(pl.Datetime("us")),
                "tombstone": found.is_tombstone[chosen],
                "properties": _values(text, blocks, "properties", chosen),
                "received_at": pl.repeat(self._as_of, len(chosen), dtype=pl.Datetime("us"), eager=True),
                "is_time_made_up": (~_of_all(blocks, "timestamp") & ~found.is_tombstone)[chosen],
                "is_bare_date": found.is_bare_date[chosen],
                "is_rewritten": found.is_rewritten[chosen],
            },
            schema=_FOUND,
        )
        if len(chosen) * _BYTES_KEPT < len(text):  # the values point into the text, which would stay until they are written
            events = pl.DataFrame(events.to_arrow(compat_level=pl.CompatLevel.oldest()), schema=_FOUND)
        return events, found.is_event

    def _recognised(self, stretch: Stretch) -> _Recognised | None:
        """What a look at the bytes tells; None where no line is plain."""
        is_event = _plain_lines(stretch)
        if not is_event.any():
            return None
        text, blocks = stretch.text, [self._block(stretch, is_event, lines) for lines in _blocks(stretch)]
        is_event = np.concatenate([block.fits for block in blocks]) & _has_one_customer(blocks)
        is_rewritten = np.concatenate([block.is_rewritten for block in blocks])
        _look_at_bare_values(text, blocks, is_event, is_rewritten)
        instant, is_bare_date = self._instants(text, blocks, is_event)
        is_tombstone = np.concatenate([block.is_tombstone for block in blocks])
        return _Recognised(blocks, is_event, is_rewritten, is_tombstone, instant, is_bare_date)

    def _block(self, stretch: Stretch, is_plain: Mask, lines: slice) -> _Block:
        block = _Block(stretch.text, stretch.start[lines], stretch.end[lines])
        plain = np.flatnonzero(is_plain[lines])
        left = block.follow(self._shapes, plain)
        tried = 0
        while tried < _TRIES and len(left) * _RARE > len(plain) and self._count < _SHAPES_MAX:
            shape = shape_of(block.line(left[len(left) * tried // _TRIES]))
            if shape and self._shapes.add(shape):
                self._count += 1
                learned = Tree()
                learned.add(shape)
                left = block.follow(learned, left)
            else:
                tried += 1
        block.forget_misfits()
        return block

    def _note_unread(self, stretch: Stretch, blocks: list[_Block], is_event: Mask) -> None:
        first = 0
        for block in blocks:
            for unread, lines in block.unread:
                events = first + lines[is_event[first + lines]]
                if len(events):
                    self.unread.append(
                        unread_fields(pl.Series(stretch.file[events]), pl.Series(stretch.position[events]), unread)
                    )
            first += len(block.fits)

    def _instants(self, text: bytes, blocks: list[_Block], is_event: Mask) -> tuple[NDArray[np.int64], Mask]:
        """When the events happened, in microseconds, and which say so by a bare date; takes those away that state no time, or one that
        has not come yet."""
        is_bare_date = np.zeros(len(is_event), dtype=np.bool_)
        found, is_time = (np.concatenate(of_blocks) for of_blocks in zip(*(block.instants() for block in blocks), strict=True))
        is_absent = ~_of_all(blocks, "timestamp")
        found[is_absent] = _microseconds(self._as_of)
        is_time |= is_absent
        others = np.flatnonzero(is_event & ~is_time)
        if len(others):
            stated = _values(text, blocks, "timestamp", others)
            read = read_times(self._connection, stated, self._zone)
            found[others] = read.get_column("instant").to_physical().fill_null(0)
            is_time[others] = read.get_column("instant").is_not_null()
            is_bare_date[others] = read.get_column("is_bare_date")
        is_event &= is_time & (found <= _microseconds(self._as_of + LATEST_AHEAD))
        return found, is_bare_date


def _microseconds(instant: datetime) -> int:
    return (instant - datetime(1970, 1, 1)) // timedelta(microseconds=1)  # noqa: DTZ001 - instants are naive UTC


@dataclass(frozen=True, slots=True)
class _Recognised:
    """Which lines of a stretch are events, and what was seen of each on the way there."""

    blocks: list[_Block]
    is_event: Mask
    is_rewritten: Mask
    is_tombstone: Mask
    instant: NDArray[np.int64]
    is_bare_date: Mask


class _Block:
    """Lines that are compared together, and what is found of them: which fit a shape, and where their values lie."""

    def __init__(self, text: bytes, start: Places, end: Places) -> None:
        self._base = int(start[0])
        beyond = int(end[-1]) + len(_PADDING)
        padded = text[self._base :] + _PADDING if beyond > len(text) else text
        offset = 0 if beyond > len(text) else self._base
        self._text = np.frombuffer(padded, dtype=np.uint8, count=beyond - self._base, offset=offset)
        self._start, self._end = start - self._base, end - self._base
        self._quotes = _bits(self._text, _QUOTE)
        self._places = {name: (self._start.copy(), self._start.copy()) for name in _VALUES}
        self._bare: list[tuple[Places, Places, Places]] = []
        self.fits, self.is_rewritten, self.is_tombstone = np.zeros((3, len(start)), dtype=np.bool_)
        self.unread: list[tuple[tuple[str, ...], Places]] = []

    def line(self, number: int) -> bytes:
        return self._text[self._start[number] : self._end[number]].tobytes()

    def has(self, name: str) -> Mask:
        """Which lines have a value of a field that is not empty."""
        start, end = self._places[name]
        return end > start

    def values(self, name: str) -> Views:
        """Each line's value of a field; where it has none, an empty text."""
        return views(self._text, *self._places[name], self._base)

    def instants(self) -> tuple[NDArray[np.int64], Mask]:
        """Each line's time in microseconds, and whether it is written the usual way."""
        return read_instants(self._text, *self._places["timestamp"])

    def bare_values(self) -> tuple[Places, Views]:
        """The values without quotes, and the lines they are of."""
        fitting = [(lines[fits], start[fits], end[fits]) for lines, start, end in self._bare for fits in [self.fits[lines]]]
        lines, start, end = (np.concatenate(places) for places in zip((_NONE, _NONE, _NONE), *fitting, strict=True))
        return lines, views(self._text, start, end, self._base)

    def follow(self, shapes: Tree, lines: Places) -> Places:
        """Compare lines with shapes; those that fit none."""
        self._go_on(shapes, None, lines, self._start[lines])
        return lines[~self.fits[lines]]

    def forget_misfits(self) -> None:
        """Forget what was noted of lines that went astray half-way."""
        misfits = np.flatnonzero(~self.fits)
        for start, end in self._places.values():
            start[misfits] = end[misfits] = self._start[misfits]

    def _go_on(self, tree: Tree, passed: Piece | None, lines: Places, place: Places) -> None:
        """From where the lines have passed a piece, which its value follows, try every piece that may come next."""
        quote = self._next_quote(place) if passed else place
        for piece, branch in tree.branches.items():
            if passed is None:
                at = place
            elif b'"' in piece.content:
                at = quote - piece.content.index(b'"')
            else:
                at = self._end[lines] - len(piece.content)
            fits = self._stands(piece.content, at)
            if passed and (passed.is_bare or passed.value_of in _NEVER_EMPTY):
                fits &= at > place
            if piece.is_last:
                fits &= at + len(piece.content) == self._end[lines]
            if fits.all():
                self._pass(piece, branch, passed, lines, place, at)
                return
            if fits.any():
                self._pass(piece, branch, passed, lines[fits], place[fits], at[fits])
                lines, place, quote = lines[~fits], place[~fits], quote[~fits]

    def _pass(self, piece: Piece, branch: Tree, passed: Piece | None, lines: Places, place: Places, at: Places) -> None:
        """Note what lines say that have a value from `place` to a piece standing `at`."""
        if passed and passed.is_bare:
            self._bare.append((lines, place, at))
        elif passed and passed.value_of:
            start, end = self._places[passed.value_of]
            start[lines], end[lines] = place, at
        if piece.opens is not None:
            self._places["properties"][0][lines] = at + piece.opens
        if piece.closes is not None:
            self._places["properties"][1][lines] = at + piece.closes
        if piece.is_last:
            if piece.unread:
                self.unread.append((piece.unread, lines))
            self.fits[lines], self.is_rewritten[lines], self.is_tombstone[lines] = (
                True,
                not piece.is_compact,
                piece.is_tombstone,
            )
        else:
            self._go_on(branch, piece, lines, at + len(piece.content))

    def _stands(self, content: bytes, at: Places) -> Mask:
        there = np.ndarray((len(self._text) - len(content) + 1,), f"S{len(content)}", self._text, strides=(1,))[at]
        is_there: Mask = there == content
        return is_there

    def _next_quote(self, place: Places) -> Places:
        """The first quote at or after each place; where it is very far, some place before it."""
        found = self._quote_ahead(place)
        for _ in range(_ROUNDS_MAX):
            far = np.flatnonzero(self._text[found] != _QUOTE)
            if not len(far):
                break
            found[far] = self._quote_ahead(found[far])
        return found

    def _quote_ahead(self, place: Places) -> Places:
        ahead = self._quotes[place >> 3] >> (place & 7).view(np.uint64)
        distance = np.bitwise_count(~ahead & (ahead - _ONE))  # how many bits lie before the lowest that is set
        found: Places = np.minimum(place + np.minimum(distance, _REACH), len(self._text) - PIECE_BYTES_MAX)
        return found


def _bits(text: Bytes, byte: int) -> Words:
    """A bit for each byte that is the wanted one, and ones after the last; the words begin at every eighth of them."""
    found = [np.packbits(text[o : o + SCAN_BYTES] == byte, bitorder="little") for o in range(0, len(text), SCAN_BYTES)]
    ahead = np.concatenate([*found, np.full(_WORD_BYTES, 0xFF, dtype=np.uint8)])
    return np.ndarray((len(ahead) - _WORD_BYTES + 1,), "<u8", ahead, strides=(1,))


def _plain_lines(stretch: Stretch) -> Mask:
    """Which lines are UTF-8 without a backslash or a control character."""
    if not len(stretch.start) or not is_utf8(stretch.text):
        return np.zeros(len(stretch.start), dtype=np.bool_)
    text = np.frombuffer(stretch.text, dtype=np.uint8)
    blocks = [text[offset : offset + SCAN_BYTES] for offset in range(0, len(text), SCAN_BYTES)]
    controls = sum(int(np.count_nonzero(block < _SPACE)) for block in blocks)
    if controls == stretch.breaks and b"\\" not in stretch.text:
        return np.ones(len(stretch.start), dtype=np.bool_)
    odd = np.concatenate(
        [np.flatnonzero((block < _SPACE) | (block == _BACKSLASH)) + i * SCAN_BYTES for i, block in enumerate(blocks)]
    )
    is_plain: Mask = np.searchsorted(odd, stretch.start) == np.searchsorted(odd, stretch.end)
    return is_plain


def _blocks(stretch: Stretch) -> Iterator[slice]:
    """The lines of a stretch by so many bytes that they stay in the processor's cache."""
    first, last = int(stretch.start[0]), int(stretch.start[-1])
    bounds = np.unique(np.searchsorted(stretch.start, [*range(first, last + 1, BLOCK_BYTES)]))
    for begin, end in zip(bounds, [*bounds[1:], len(stretch.start)], strict=True):
        yield slice(begin, end)


def _of_all(blocks: list[_Block], name: str) -> Mask:
    """Which lines have a value of a field that is not empty."""
    return np.concatenate([block.has(name) for block in blocks])


def _has_one_customer(blocks: list[_Block]) -> Mask:
    return np.concatenate([block.has("customer_id") ^ block.has("external_customer_id") for block in blocks])


def _values(text: bytes, blocks: list[_Block], name: str, chosen: Places) -> pl.Series:
    """The values of a field of chosen lines; null where they are empty."""
    if not any(block.has(name).any() for block in blocks):
        return pl.repeat(None, len(chosen), dtype=pl.String, eager=True)
    found = np.concatenate([block.values(name) for block in blocks])
    return as_texts(found if len(chosen) == len(found) else found[chosen], text)


def _look_at_bare_values(text: bytes, blocks: list[_Block], is_event: Mask, is_rewritten: Mask) -> None:
    """Take lines away whose values without quotes are not plain, and mark those whose numbers end in idle zeros."""
    first = np.cumsum([0, *(len(block.fits) for block in blocks)])
    found = [block.bare_values() for block in blocks]
    lines = np.concatenate([of_block + offset for (of_block, _), offset in zip(found, first, strict=False)])
    values = as_texts(np.concatenate([of_block for _, of_block in found]), text)
    is_event[lines[~values.str.contains(_PLAIN).to_numpy()]] = False
    is_rewritten[lines[values.str.contains(_IDLE_ZEROS).to_numpy()]] = True
