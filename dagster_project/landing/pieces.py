"""Pieces: bytes of JSON files with the places where their lines lie, before anything is known of these.

What belongs here: places in bytes, and texts made of them. What does not: what stands in a line.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

Places = NDArray[np.int64]
Mask = NDArray[np.bool_]

_OPEN, _CLOSE, _QUOTE, _COLON, _BLANK = map(ord, '{}": ')
SCAN_BYTES: Final = 1 << 18  # what stays in the processor's cache while it is looked at


@dataclass(frozen=True, slots=True)
class Piece:
    """Lines of JSON files, or elements of one list: each lies from `start` to `end` in `text`, in order, none of them empty; nothing
    but white space lies between them."""

    text: bytes
    start: Places
    end: Places
    file: NDArray[np.uint32]  # number of the file in this landing
    position: Places  # line or index in the file, from 1
    is_list: bool = False  # elements of a list, of which none holds events of its own

    @property
    def holds_objects(self) -> bool:
        """Whether every line is text that begins and ends with a brace."""
        text = np.frombuffer(self.text, dtype=np.uint8)
        are_braced = bool((text[self.start] == _OPEN).all() and (text[self.end - 1] == _CLOSE).all())
        return are_braced and is_utf8(self.text)

    def parts(self, count: int) -> list[Piece]:
        """The lines in so many pieces, or fewer."""
        bounds = np.unique(np.linspace(0, len(self.start), count + 1).astype(np.int64)).tolist()
        return [self._part(slice(begin, end)) for begin, end in pairwise(bounds)]

    def _part(self, lines: slice) -> Piece:
        start, end = self.start[lines], self.end[lines]
        first = int(start[0])
        text = self.text[first : int(end[-1])]
        return Piece(text, start - first, end - first, self.file[lines], self.position[lines], self.is_list)

    def lines(self) -> list[bytes]:
        return [self.text[start:end] for start, end in zip(self.start.tolist(), self.end.tolist(), strict=True)]


def piece_of(file: int, lines: Sequence[bytes], first: int = 1, *, is_list: bool = False) -> Piece:
    """The lines of a file from a position on as a piece."""
    length = np.array([len(line) for line in lines], dtype=np.int64)
    end = np.cumsum(length + 1) - 1
    position = np.arange(first, first + len(lines), dtype=np.int64)
    return Piece(b"\n".join(lines), end - length, end, np.full(len(lines), file, dtype=np.uint32), position, is_list)


def joined(pieces: Sequence[Piece]) -> Piece:
    """Pieces of one kind as one."""
    if len(pieces) == 1:
        return pieces[0]
    offsets = np.cumsum([0, *(len(piece.text) + 1 for piece in pieces)])
    return Piece(
        b"\n".join(piece.text for piece in pieces),
        np.concatenate([piece.start + offset for piece, offset in zip(pieces, offsets, strict=False)]),
        np.concatenate([piece.end + offset for piece, offset in zip(pieces, offsets, strict=False)]),
        np.concatenate([piece.file for piece in pieces]),
        np.concatenate([piece.position for piece in pieces]),
        pieces[0].is_list,
    )


def places_of(text: bytes, wanted: int) -> Places:
    """Where a byte stands."""
    array = np.frombuffer(text, dtype=np.uint8)
    found = [np.flatnonzero(array[at : at + SCAN_BYTES] == wanted) + at for at in range(0, len(array), SCAN_BYTES)]
    return np.concatenate(found) if found else np.empty(0, dtype=np.int64)


def most_keys(text: bytes) -> int:
    """How many keys objects in a JSON text can have at most: there is a colon behind each, after its quote or a blank."""
    array, found = np.frombuffer(text, dtype=np.uint8), 0
    for at in range(1, len(array), SCAN_BYTES):
        colons = array[at : at + SCAN_BYTES] == _COLON
        before = array[at - 1 : at - 1 + len(colons)]
        found += int(np.count_nonzero(colons & ((before == _QUOTE) | (before <= _BLANK))))
    return found


def is_utf8(text: bytes) -> bool:
    """Whether all bytes together are UTF-8."""
    if text.isascii():
        return True
    array = pa.LargeStringArray.from_buffers(1, pa.py_buffer(np.array([0, len(text)])), pa.py_buffer(text))
    try:
        array.validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


def text_of(line: bytes) -> str:
    """A line as text, its wrong bytes shown as U+FFFD."""
    return line.decode(errors="replace")


def texts_of(lines: Sequence[bytes]) -> pl.Series:
    return pl.Series([text_of(line) for line in lines], dtype=pl.String)
