"""How many lines a file holds by its bytes alone, to hold against what its reader made of them (R-10).

"Lines read = events + quarantined" counts what the reader gave; here the line ends are counted before any reader has seen them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from dagster_project.landing.pieces import SCAN_BYTES

_BLANK_LINE: Final = re.compile(rb"\n[ \t\r]*(?=\n)")


@dataclass(slots=True)
class LinesOfBytes:
    """The line ends of bytes that pass piece by piece, and how many of the lines are blank."""

    line_ends: int = 0
    blank: int = 0
    _tail: bytes = field(default=b"\n", repr=False)  # from the last line end on, as far as it is blank

    def see(self, piece: bytes) -> None:
        text = self._tail + piece
        line_ends, may_be_blank = _line_ends(text)
        self.line_ends += line_ends - self._tail.count(b"\n")
        if may_be_blank:
            self.blank += sum(1 for _ in _BLANK_LINE.finditer(text))
        last = text.rfind(b"\n")
        rest = text[last:] if last >= 0 else b"x"
        self._tail = rest if not rest.strip() else b"x"

    @property
    def lines(self) -> int:
        """All lines, a last one without its line end too."""
        return self.line_ends + (self._tail == b"x")

    def difference(self, read: int) -> str | None:
        """What is wrong where a reader has found `read` lines, line ends within texts counted; None where it can be so."""
        if self.lines - self.blank <= read <= self.lines:
            return None
        return f"it holds {self.lines - self.blank:,} lines that are not blank, and {read:,} were read"


def _line_ends(text: bytes) -> tuple[int, bool]:
    """How many line ends there are, and whether white space or another one follows any."""
    array = np.frombuffer(text, dtype=np.uint8)
    count, may_be_blank = 0, False
    for start in range(0, len(array), SCAN_BYTES):
        block = array[start : start + SCAN_BYTES + 1]
        is_end = block[:SCAN_BYTES] == ord("\n")
        count += int(np.count_nonzero(is_end))
        may_be_blank |= bool((is_end[: len(block) - 1] & (block[1:] <= ord(" "))).any())
    return count, may_be_blank
