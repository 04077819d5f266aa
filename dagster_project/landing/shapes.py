"""Shapes: what lines have in common that one program wrote. A shape is everything in a line but its values.

`{"event_name":"…","customer_id":"…","properties":{"minutes":…}}` is one, byte for byte with its white space. A shape is learned from
a line that Python's own reader found sound: no key twice, nothing nested, every field of the type that it must have. A line with
the same pieces around other plain values is as sound as the example was, so it need not be parsed.

What belongs here: shapes, and the tree in which they are kept. What does not: finding the lines that fit (`familiar`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from dagster_project.landing.reading import FIELDS, SPELLINGS

PIECE_BYTES_MAX: Final = 256
PIECES_MAX: Final = 100  # the tree of shapes is walked a call a piece; an event of more values is read, not compared

_FIELD_OF: Final = {name: name for name in FIELDS} | {camel: name for name, camel in SPELLINGS.items()}
_TEXT_FIELDS: Final = (*SPELLINGS, "timestamp")
_TOKEN: Final = re.compile(rb'[ \t]+|"[^"\\\x00-\x1f]*"|-?[0-9][0-9.eE+-]*|true|false|null|[{}:,]')


class Piece(NamedTuple):
    """Bytes that stand before a value in every line of a shape, or at its end, and what to note where they stand."""

    content: bytes
    is_last: bool = False
    value_of: str | None = None  # the field whose text follows; None: a property, or a field that is ignored
    is_bare: bool = False  # the value that follows has no quotes: a number, true, false or null
    opens: int | None = None  # where in these bytes the properties begin
    closes: int | None = None  # where they end
    is_compact: bool = True  # of a last piece: no white space stands in the properties
    is_tombstone: bool = False  # of a last piece
    unread: tuple[str, ...] = ()  # of a last piece: fields of the line that nobody reads


Shape = tuple[Piece, ...]


@dataclass(slots=True)
class Tree:
    """Shapes by their pieces: lines that begin alike go one way until they part."""

    branches: dict[Piece, Tree] = field(default_factory=dict)

    def add(self, shape: Shape) -> bool:
        """Take a shape in; false where it was known."""
        if not shape:
            return False
        first, *rest = shape
        is_new = first not in self.branches
        if is_new:
            self.branches[first] = Tree()
            # of two pieces that begin alike the longer is tried first: `"n":"` before `"n":`
            self.branches = dict(sorted(self.branches.items(), key=lambda branch: -len(branch[0].content)))
        return self.branches[first].add(tuple(rest)) or is_new


def shape_of(line: bytes) -> Shape | None:
    """The shape of a line; None where it is no event, or none that can be told by its shape."""
    try:
        event = json.loads(line, object_pairs_hook=_without_double_keys, parse_constant=_refused)
    except (ValueError, RecursionError):
        return None
    if not isinstance(event, dict) or not _is_sound(event):
        return None
    tokens = _TOKEN.findall(line)
    if b"".join(tokens) != line:
        return None
    unread = tuple(key for key, value in event.items() if key not in _FIELD_OF and value is not None)
    shape = tuple(_pieces(tokens, unread))
    is_short = len(shape) <= PIECES_MAX and all(len(piece.content) <= PIECE_BYTES_MAX for piece in shape)
    return shape if is_short else None


def _without_double_keys(members: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(members)
    if len(found) < len(members):
        raise ValueError
    return found


def _refused(_: str) -> None:
    raise ValueError


def _is_sound(event: dict[str, Any]) -> bool:
    """Whether every field is there that must be, once, and of its type."""
    given = {key: value for key, value in event.items() if value is not None}
    fields = {_FIELD_OF[key]: value for key, value in given.items() if key in _FIELD_OF}
    others = [value for key, value in given.items() if key not in _FIELD_OF]
    properties = fields.get("properties", {})
    return (
        len(fields) + len(others) == len(given)
        and not any(key.startswith("$") for key in event)
        and "event_name" in fields
        and ("customer_id" in fields) != ("external_customer_id" in fields)
        and all(isinstance(fields.get(name, ""), str) for name in _TEXT_FIELDS)
        and isinstance(fields.get("tombstone", False), bool)
        and isinstance(properties, dict)
        and not any(isinstance(value, dict | list) for value in [*others, *properties.values()])
    )


def _pieces(tokens: list[bytes], unread: tuple[str, ...]) -> Iterator[Piece]:
    """The pieces of a sound line."""
    content, key, is_value, in_properties = b"", "", False, False
    opens: int | None = None
    closes: int | None = None
    is_compact, is_tombstone = True, False
    for token in tokens:
        name = None if in_properties else _FIELD_OF.get(key)
        if token.isspace():
            is_compact &= not in_properties
        elif not is_value:
            if token == b"}" and in_properties:
                in_properties, closes = False, len(content) + 1
            elif token == b":":
                is_value = True
            elif token.startswith(b'"'):
                key = token[1:-1].decode()
        else:
            is_value = False
            if token == b"{":
                in_properties, opens = True, len(content)
            elif name == "tombstone" or (token == b"null" and name):
                is_tombstone |= token == b"true"
            else:
                is_bare = not token.startswith(b'"')
                yield Piece(content + token[: not is_bare], value_of=name, is_bare=is_bare, opens=opens, closes=closes)
                content, opens, closes = token[:0] if is_bare else b'"', None, None
                continue
        content += token
    yield Piece(
        content, is_last=True, opens=opens, closes=closes, is_compact=is_compact, is_tombstone=is_tombstone, unread=unread
    )
