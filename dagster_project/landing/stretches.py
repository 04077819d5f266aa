"""Stretches: bytes of JSON files with the places where their lines lie, before anything is known of these.

What belongs here: places in bytes, and texts made of them. What does not: what stands in a line.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
Places = NDArray[np.int64]
Mask = NDArray[np.bool_]
Views = NDArray[np.uint64]

SCAN_BYTES: Final = 1 << 18  # what stays in the processor's cache while it is looked at

_INLINE_BYTES: Final = 12  # a text up to this length lies in its view
_HALF, _LENGTH = np.uint64(32), np.uint64(0xFFFFFFFF)
_FIRST_BYTES: Final = np.array([((1 << 8 * min(n, 4)) - 1) << 32 for n in range(_INLINE_BYTES + 1)], dtype=np.uint64)
_OTHER_BYTES: Final = np.array([(1 << 8 * max(n - 4, 0)) - 1 for n in range(_INLINE_BYTES + 1)], dtype=np.uint64)


@dataclass(frozen=True, slots=True)
class Stretch:
    """Lines of JSON files, or elements of one list: each lies from `start` to `end` in `text`, in order, without its line end."""

    text: bytes
    start: Places
    end: Places
    file: NDArray[np.uint32]  # number of the file in this landing
    position: Places  # line or index in the file, from 1
    breaks: int  # how many control characters are known to lie between the lines
    is_list: bool  # elements of a list, of which none holds events of its own, and a blank one is wrong

    def only(self, chosen: Mask) -> Stretch:
        """The chosen lines."""
        return Stretch(
            self.text, self.start[chosen], self.end[chosen], self.file[chosen], self.position[chosen], 0, self.is_list
        )


def joined(stretches: Sequence[Stretch]) -> Stretch:
    """Stretches of one kind as one."""
    if len(stretches) == 1:
        return stretches[0]
    offsets = np.cumsum([0, *(len(stretch.text) for stretch in stretches)])
    return Stretch(
        b"".join(stretch.text for stretch in stretches),
        np.concatenate([stretch.start + offset for stretch, offset in zip(stretches, offsets, strict=False)]),
        np.concatenate([stretch.end + offset for stretch, offset in zip(stretches, offsets, strict=False)]),
        np.concatenate([stretch.file for stretch in stretches]),
        np.concatenate([stretch.position for stretch in stretches]),
        sum(stretch.breaks for stretch in stretches),
        stretches[0].is_list,
    )


def places_of(text: Bytes, *wanted: int) -> Places:
    """Where any of the wanted bytes stand."""
    found = [
        np.flatnonzero(_is_any(text[offset : offset + SCAN_BYTES], wanted)) + offset
        for offset in range(0, len(text), SCAN_BYTES)
    ]
    return np.concatenate(found) if found else np.empty(0, dtype=np.int64)


def _is_any(text: Bytes, wanted: tuple[int, ...]) -> Mask:
    found: Mask = text == wanted[0]
    for byte in wanted[1:]:
        found |= text == byte
    return found


def text_array(text: bytes, bounds: Places) -> pa.LargeStringArray:
    """The texts between bounds, which nobody has looked at yet."""
    return pa.LargeStringArray.from_buffers(len(bounds) - 1, pa.py_buffer(bounds), pa.py_buffer(text))


def interleaved(start: Places, end: Places) -> Places:
    """Starts and ends in turn: every other text between them lies from a start to an end, the others are what separates them."""
    return np.stack([start, end], axis=1).reshape(-1)


def is_utf8(text: bytes) -> bool:
    """Whether all bytes together are UTF-8."""
    if text.isascii():
        return True
    try:
        text_array(text, np.array([0, len(text)])).validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


def texts(text: bytes, start: Places, end: Places) -> pl.Series:
    """The texts from starts to ends, which follow each other in UTF-8 bytes; not copied."""
    return pl.Series(text_array(text, interleaved(start, end))).gather_every(2) if len(start) else pl.Series(dtype=pl.String)


def views(text: Bytes, start: Places, end: Places, base: int = 0) -> Views:
    """The texts from starts to ends the way Arrow and Polars hold them: the length, and the text itself or where it begins.

    `text` goes on for twelve bytes after the last start; `base` is where it begins in the bytes that the views are to point into.
    """
    length = end - start
    first, rest = (np.ndarray((len(text) - _INLINE_BYTES,), "<u8", text, offset, strides=(1,))[start] for offset in (0, 4))
    short = np.minimum(length, _INLINE_BYTES)
    found = np.empty((len(start), 2), dtype="<u8")
    found[:, 0] = length.view(np.uint64) | ((first << _HALF) & _FIRST_BYTES.take(short))
    found[:, 1] = np.where(length > _INLINE_BYTES, (start + base).view(np.uint64) << _HALF, rest & _OTHER_BYTES.take(short))
    return found


def as_texts(found: Views, text: bytes) -> pl.Series:
    """The texts of views into UTF-8 bytes, which are not copied; null where they are empty."""
    is_given = (found[:, 0] & _LENGTH) != 0
    validity = None if is_given.all() else pa.py_buffer(np.packbits(is_given, bitorder="little"))
    buffers = [validity, pa.py_buffer(found), pa.py_buffer(text)]
    return pl.Series(pa.Array.from_buffers(pa.string_view(), len(found), buffers))
