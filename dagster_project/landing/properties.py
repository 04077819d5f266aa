"""Properties to flat JSON objects (R-93) whose numbers keep every digit (R-1) in their one canonical form (R-15).

Properties that are flat, and whose numbers and texts are canonical already, stay as they stand: one look at all of them tells. The
others are put together again one by one.

What belongs here: values of properties. What does not: any other field.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final

import msgspec
import polars as pl
from msgspec import Raw

from dagster_project.landing.event import MEMBERS, TWICE_IN_PROPERTIES, Members, repeated
from rating.books.values import canonical_number

DEPTH_MAX: Final = 8  # of objects and lists within each other, the outermost counted
LEAVES_MAX: Final = 1_000  # of properties that nest
EXPONENT_MAX: Final = 999  # more zeros than this make no quantity, and 1e999999999 must not fill the memory

_TEXT: Final = r'"[^"\\]*"'
_CANONICAL = rf"(?:{_TEXT}|true|false|null|0|-?[1-9][0-9]{{0,17}}"
_CANONICAL += r"|-?0\.[0-9]{0,3}[1-9]|-?[1-9][0-9]{0,8}\.[0-9]{0,5}[1-9])"
_MEMBER: Final = rf"{_TEXT}:{_CANONICAL}"
_IS_PLAIN: Final = pl.first().str.contains(rf"^\{{(?:{_MEMBER}(?:,{_MEMBER})*)?\}}$")
# what a reader of JSON carries that takes a number for 64 bits; -0 and exponents are written by value
_CARRIED: Final = re.compile(rb"0|-?[1-9][0-9]{0,17}|(?!-?0\.00000)(?=-?(?:[0-9]\.?){1,15}$)-?[0-9]+\.[0-9]+")
_AS_IT_STANDS: Final = re.compile(
    rb"true|false|null|0|-?[1-9][0-9]{0,17}|(?!-?0\.00000)(?=-?(?:[0-9]\.?){1,15}$)-?(?:0|[1-9][0-9]*)\.[0-9]*[1-9]"
)
_STRING: Final = re.compile(rb'"(?:[^"\\]|\\.)*"')
_BRACKET: Final = re.compile(rb"[\[\]{}]")

_encoder: Final = msgspec.json.Encoder()
_QUOTE, _LIST = ord('"'), ord("[")

_string: Final = msgspec.json.Decoder(str)


class _Unfit(Exception):
    """Properties that an event cannot have; the sentence says why."""


def canonical_texts(properties: Sequence[Members | None]) -> tuple[pl.Series, pl.Series]:
    """Properties as JSON texts in their order (null: none), and what is wrong with them (null: nothing)."""
    if not properties:
        return pl.Series(dtype=pl.String), pl.Series(dtype=pl.String)
    lines = _encoder.encode_lines(properties).decode()
    texts = pl.Series(lines.removesuffix("\n").split("\n"), dtype=pl.String())
    if (is_absent := texts == "null").any():
        texts = texts.set(is_absent, None)
    is_plain = texts.to_frame().select_seq(_IS_PLAIN).to_series()
    faults = pl.Series([None], dtype=pl.String).new_from_index(0, len(texts))
    if not is_plain.all():
        odd = (~is_plain).arg_true()
        made, wrong = zip(*(_canonical(properties[row] or {}) for row in odd), strict=True)
        texts = texts.scatter(odd, pl.Series(made, dtype=pl.String))
        faults = faults.scatter(odd, pl.Series(wrong, dtype=pl.String))
    return texts, faults


def _canonical(members: Members) -> tuple[str | None, str | None]:
    """The text of some properties, or what is wrong with them."""
    found: dict[str, Any] = {}
    for name, raw in members.items():
        value = bytes(raw)
        if value[0] == _QUOTE:
            found[name] = _string.decode(value) if b"\\" in value else raw
        elif _AS_IT_STANDS.fullmatch(value):
            found[name] = raw
        elif _CARRIED.fullmatch(value):
            found[name] = Raw(_plain_number(value).encode())
        else:
            return _with_numbers_as_texts(members)
    return _encoder.encode(found).decode(), None


def _with_numbers_as_texts(members: Members) -> tuple[str | None, str | None]:
    """The same for properties that nest, or hold a number that is not carried."""
    values = {name: bytes(value) for name, value in members.items()}
    try:
        if any(value[0] in b"[{" for value in values.values()):
            values = _flat(values)
        found = {path: _value(value) for path, value in values.items()}
    except _Unfit as unfit:
        return None, str(unfit)
    return _encoder.encode(found).decode(), None


def _flat(values: dict[str, bytes]) -> dict[str, bytes]:
    """Values by their path, objects taken apart; a key that has the dots itself goes before a path."""
    nested = ((name, path) for name, value in values.items() if value.startswith(b"{") for path in repeated(value))
    if twice := [".".join((name, *path)) for name, path in nested]:
        raise _Unfit(f"{TWICE_IN_PROPERTIES}{', '.join(twice)}")
    for depth in range(1, DEPTH_MAX + 1):
        objects = {path: value for path, value in values.items() if value.startswith(b"{")}
        if not objects:
            break
        if depth == DEPTH_MAX:
            raise _Unfit(f"properties nests deeper than {DEPTH_MAX}")
        inner = {f"{path}.{name}": bytes(raw) for path, value in objects.items() for name, raw in MEMBERS.decode(value).items()}
        values = {path: value for path, value in {**inner, **values}.items() if path not in objects}
    lists = [value for value in values.values() if value.startswith(b"[")]
    if any(_depth(value) > DEPTH_MAX for value in lists):
        raise _Unfit(f"properties nests deeper than {DEPTH_MAX}")
    if len(values) > LEAVES_MAX:
        raise _Unfit(f"properties nests and holds more than {LEAVES_MAX:,} values")
    return values


def _depth(value: bytes) -> int:
    deepest = depth = 0
    for bracket in _BRACKET.findall(_STRING.sub(b"", value)):
        depth += 1 if bracket in b"[{" else -1
        deepest = max(deepest, depth)
    return deepest


def _value(value: bytes) -> Any:
    first = value[0]
    if first == _QUOTE:
        return _string.decode(value)
    if first == _LIST:
        return Raw(msgspec.json.format(value, indent=-1))
    return _plain_number(value) if first in b"-0123456789" else Raw(value)


def _plain_number(value: bytes) -> str:
    """A JSON number in plain notation, by value."""
    written = value.decode()
    _, _, exponent = written.lower().partition("e")
    if exponent and (len(exponent) > 9 or abs(int(exponent)) > EXPONENT_MAX):
        raise _Unfit(f"properties holds a number with an exponent beyond {EXPONENT_MAX}")
    return canonical_number(Decimal(written))
