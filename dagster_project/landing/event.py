"""What an event is: one definition, for lines of files and for requests by HTTP, and what is wrong with a line that does not fit it.

msgspec reads lines into it without a step of Python for each, and keeps the digits of every number. Which spellings the lines have, and
which fields that nobody reads, is found out on the way. A line that does not fit is looked at again by itself, so that all that is
wrong with it can be said at once.

What belongs here: fields, their spellings and types. What does not: rules between fields (`validation`), and what `properties` become
(`properties`).
"""

from __future__ import annotations

import contextlib
import functools
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, Final, NamedTuple

import msgspec
from msgspec import Raw

SPELLINGS: Final = {
    "event_name": "eventName",
    "customer_id": "customerId",
    "external_customer_id": "externalCustomerId",
    "contract_id": "contractId",
    "idempotency_key": "idempotencyKey",
}
NOT_JSON: Final = "the line is not valid JSON"
NOT_UTF8: Final = "the line is not valid UTF-8"
TOO_DEEP: Final = "the line nests deeper than can be read"
TWICE_IN_PROPERTIES: Final = "given more than once in properties: "
NOT_AN_OBJECT: Final = "the line is no JSON object: an event is {…} with an event_name"


Members = dict[str, Raw]
MEMBERS: Final = msgspec.json.Decoder(Members)  # of a JSON object, each value as it is written


class Event(msgspec.Struct, gc=False):
    """An event. Null is absent. Of a field that is given twice this has the last value: no such line is an event (`repeated`)."""

    event_name: str | None = None
    customer_id: str | None = None
    external_customer_id: str | None = None
    contract_id: str | None = None
    idempotency_key: str | None = None
    timestamp: str | None = None
    tombstone: bool | None = None
    properties: Members | None = None


FIELDS: Final = (*SPELLINGS, "timestamp", "properties", "tombstone")
UNREAD_MAX: Final = 20  # fields of other names that lines are expected to hold; lines with more are examined one by one

_SNAKE: Final = {camel: name for name, camel in SPELLINGS.items()}
_UNSPOKEN: Final = re.compile(r'["\\\x00-\x1f]')  # msgspec expects no field that has these in its name
_UNKNOWN: Final = re.compile(r"Object contains unknown field `(.*)` - at `\$\[[0-9]+\]`", re.DOTALL)


class Expected(NamedTuple):
    """The fields that lines are expected to hold, and no others: those of `Event`, some in camelCase, and some that nobody reads."""

    in_camel_case: frozenset[str] = frozenset()
    unread: tuple[str, ...] = ()

    def with_field(self, name: str) -> Expected | None:
        """The same and one field more, or one in its other spelling; None where lines have to be examined one by one."""
        if name in _SNAKE or name in SPELLINGS:
            return self._replace(in_camel_case=self.in_camel_case ^ {_SNAKE.get(name, name)})
        # a line with events may be an envelope
        is_odd = name == "events" or name.startswith("$") or _UNSPOKEN.search(name) is not None
        is_unread = not is_odd and name not in self.unread and len(self.unread) < UNREAD_MAX
        return self._replace(unread=(*self.unread, name)) if is_unread else None


class UnknownField(Exception):
    """A line gives a field that is not expected; `name` says which."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


class LineDecoder:
    """Reads lines that hold what is expected into events; what nobody reads becomes unread_0, unread_1 … of an event."""

    def __init__(self, expected: Expected) -> None:
        own = [(field.name, field.type, field.default) for field in msgspec.structs.fields(Event)]
        unread = {f"unread_{number}": name for number, name in enumerate(expected.unread)}
        names = {name: SPELLINGS[name] for name in expected.in_camel_case} | unread
        others = [(name, Any, None) for name in unread]
        kind = msgspec.defstruct("ExpectedEvent", [*own, *others], rename=names, forbid_unknown_fields=True, gc=False)
        self._decoder = msgspec.json.Decoder(kind)

    def together(self, text: bytes, count: int) -> list[Any] | None:
        """The events of `count` lines, each of which begins and ends with a brace; None where one of them does not fit.

        A value cannot go over the end of such a line, for within a value no brace follows another without a comma. So where there
        are as many values as lines, each line is one. Raises `UnknownField`.
        """
        try:
            found: list[Any] = self._decoder.decode_lines(text)
        except msgspec.ValidationError as error:
            if unknown := _UNKNOWN.fullmatch(str(error)):
                raise UnknownField(unknown.group(1)) from None
            return None
        except (msgspec.DecodeError, RecursionError):
            return None
        return found if len(found) == count else None

    def alone(self, line: bytes) -> Any:
        """The event of a line; None where it does not fit."""
        with contextlib.suppress(msgspec.DecodeError, RecursionError):
            return self._decoder.decode(line)
        return None


@functools.lru_cache(maxsize=1_000)
def decoder_of(expected: Expected) -> LineDecoder:
    return LineDecoder(expected)


# --- one line by itself --------------------------------------------------------------------------------------------------------

_raw: Final = msgspec.json.Decoder(Raw)
_text: Final = msgspec.json.Decoder(str)


class Examined(msgspec.Struct, gc=False):
    """A line by itself: its event as far as it can be read, and what is wrong with the types of its fields.

    is_read: it is a JSON object. timestamp_json: a time that is no text. unread: fields that nobody reads.
    """

    event: Event
    wrong: str | None = None
    is_read: bool = True
    timestamp_json: str | None = None
    unread: tuple[str, ...] = ()


def examined(line: bytes) -> Examined:
    """A line that does not fit, field by field."""
    try:
        line.decode()
        members = MEMBERS.decode(line)
        fields = {name: raw for name, value in members.items() if (raw := bytes(value)) != b"null"}
        event = Event()
        wrong = [*_reserved(members), *_given_twice(line), *_differing(fields), *_read_fields(fields, event)]
    except UnicodeDecodeError:
        return unreadable(NOT_UTF8)
    except RecursionError:
        return unreadable(TOO_DEEP)
    except msgspec.DecodeError:
        return unreadable(NOT_AN_OBJECT if is_json(line) else NOT_JSON)
    time = fields.get("timestamp")
    return Examined(
        event,
        "; ".join(wrong) or None,
        timestamp_json=time.decode() if time and event.timestamp is None else None,
        unread=tuple(name for name in fields if name not in FIELDS and name not in _SNAKE),
    )


def unreadable(fault: str) -> Examined:
    return Examined(Event(), fault, is_read=False)


def is_json(text: bytes) -> bool:
    try:
        _raw.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return False
    return True


def repeated(text: bytes) -> list[tuple[str, ...]]:
    """Paths of the keys that a JSON object, or one within it, gives more than once."""
    pairs = json.loads(text, object_pairs_hook=_Pairs, parse_int=str, parse_float=str, strict=False)
    return list(dict.fromkeys(_repeated(pairs)))


class _Pairs(list[tuple[str, Any]]):
    """Keys of a JSON object with their values, as often as they are given."""


def _repeated(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    if isinstance(value, _Pairs):
        yield from ((*path, name) for name, count in Counter(name for name, _ in value).items() if count > 1)
        for name, inner in value:
            yield from _repeated(inner, (*path, name))


def _given_twice(line: bytes) -> Iterator[str]:
    """Of the event and its properties; what nests in these is looked at where it is taken apart, and nobody reads any other."""
    found = repeated(line)
    if fields := [path[0] for path in found if len(path) == 1]:
        yield f"given more than once: {', '.join(fields)}; give each field once"
    if names := [path[1] for path in found if len(path) == 2 and path[0] == "properties"]:
        yield f"{TWICE_IN_PROPERTIES}{', '.join(names)}"


def _reserved(names: Iterable[str]) -> Iterator[str]:
    if reserved := [name for name in names if name.startswith("$")]:
        yield f"fields that begin with $ are reserved, rename them: {', '.join(reserved)}"


def _differing(fields: dict[str, bytes]) -> Iterator[str]:
    for name, camel in SPELLINGS.items():
        if name in fields and camel in fields and _text_or_json(fields[name]) != _text_or_json(fields[camel]):
            yield f"{name} and {camel} are both given and differ: use one spelling"


def _read_fields(fields: dict[str, bytes], event: Event) -> Iterator[str]:
    """Put fields into an event; a sentence for each that is of another type."""
    for name, camel in SPELLINGS.items():
        raw = fields.get(name, fields.get(camel))
        if raw is not None:
            is_text = raw.startswith(b'"')
            setattr(event, name, _text.decode(raw) if is_text else raw.decode())
            if not is_text:
                yield f"{name} is no text: put it in quotes"
    if (time := fields.get("timestamp", b"")).startswith(b'"'):
        event.timestamp = _text.decode(time)
    if (properties := fields.get("properties")) is not None:
        if properties.startswith(b"{"):
            event.properties = MEMBERS.decode(properties)
        else:
            yield "properties is no object: write {…}"
    if (tombstone := fields.get("tombstone")) is not None:
        event.tombstone = tombstone == b"true"
        if tombstone not in (b"true", b"false"):
            yield "tombstone is neither true nor false"


def _text_or_json(raw: bytes) -> Any:
    return _text.decode(raw) if raw.startswith(b'"') else raw
