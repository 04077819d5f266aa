"""Which source of the books a file of the inbox is of (R-113).

What belongs here: names of files against patterns. What does not: what a source says of the content (`mapping`).
"""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence

from rating.books import Source


def source_of(name: str, sources: Sequence[Source]) -> Source | None:
    """The first source with a pattern that the name, relative to the inbox, matches; None: it is read as it is."""
    return next((source for source in sources if any(_pattern(one).fullmatch(name) for one in source.files)), None)


@functools.cache
def _pattern(text: str) -> re.Pattern[str]:
    """A pattern of names: `*` and `?` stay within a folder, `**` goes through folders, `[…]` is one of some signs."""
    parts = re.split(r"(\*\*/|\*\*|\*|\?|\[!?[^\]]+\])", text)
    return re.compile("".join(_piece(part) for part in parts))


def _piece(part: str) -> str:
    wild = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    if part in wild:
        return wild[part]
    if part.startswith("[") and part.endswith("]"):
        inner = part[1:-1].replace("\\", r"\\").replace("^", r"\^")
        return f"[^{inner[1:]}]" if inner.startswith("!") else f"[{inner}]"
    return re.escape(part)
