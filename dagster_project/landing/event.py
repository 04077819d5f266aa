"""What an event is: one definition, for lines of files and for requests by HTTP, and what is wrong with a line that does not fit it.

msgspec reads lines into it without a step of Python for each, and keeps the digits of every number. A line that does not fit is looked
at again by itself, so that all that is wrong with it can be said at once.

What belongs here: fields, their spellings and types. What does not: rules between fields (`validation`), and what `properties` become
(`properties`).
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from typing import Any, Final

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
NOT_AN_OBJECT: Final = "the line is no JSON object: an event is {…} with an event_name"


class Event(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """An event as nearly every sender writes it. Null is absent; of a field that is given twice the last counts."""

    event_name: str | None = None
    customer_id: str | None = None
    external_customer_id: str | None = None
    contract_id: str | None = None
    idempotency_key: str | None = None
    timestamp: str | None = None
    tombstone: bool | None = None
    properties: dict[str, Raw] | None = None


class LooseEvent(
    Event, forbid_unknown_fields=False, gc=False, rename={f"{name}_camel": camel for name, camel in SPELLINGS.items()}
):
    """An event in either spelling, beside whatever else its line holds."""

    event_name_camel: str | None = None
    customer_id_camel: str | None = None
    external_customer_id_camel: str | None = None
    contract_id_camel: str | None = None
    idempotency_key_camel: str | None = None


FIELDS: Final = (*SPELLINGS, "timestamp", "properties", "tombstone")
KNOWN: Final = frozenset({*FIELDS, *SPELLINGS.values()})


class Examined(msgspec.Struct, gc=False):
    """A line by itself: its event as far as it can be read, and what is wrong with the types of its fields.

    is_read: it is a JSON object. timestamp_json: a time that is no text.
    """

    event: LooseEvent
    wrong: str | None = None
    is_read: bool = True
    timestamp_json: str | None = None


class LineDecoder:
    """Lines of one kind of event, all at once or one by one."""

    def __init__(self, kind: Any) -> None:
        self._decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(kind)

    def together(self, text: bytes, count: int) -> list[Any] | None:
        """The values of `count` lines, each of which begins and ends with a brace; None where one of them is not what is expected.

        A value cannot go over the end of such a line, for within a value no brace follows another without a comma. So where there
        are as many values as lines, each line is one.
        """
        with contextlib.suppress(msgspec.DecodeError, RecursionError):
            if len(found := self._decoder.decode_lines(text)) == count:
                return found
        return None

    def alone(self, line: bytes) -> Any:
        """The value of a line; None where it is not what is expected."""
        with contextlib.suppress(msgspec.DecodeError, RecursionError):
            return self._decoder.decode(line)
        return None


_any: Final = LineDecoder(Raw)
_fields: Final = msgspec.json.Decoder(dict[str, Raw])
_text: Final = msgspec.json.Decoder(str)


def examined(line: bytes) -> Examined:
    """A line that does not fit `Event`, field by field."""
    try:
        line.decode()
        members = _fields.decode(line)
        fields = {name: raw for name, value in members.items() if (raw := bytes(value)) != b"null"}
        event = LooseEvent()
        wrong = [*_reserved(members), *_differing(fields), *_read_fields(fields, event)]
    except UnicodeDecodeError:
        return Examined(LooseEvent(), NOT_UTF8, is_read=False)
    except RecursionError:
        return Examined(LooseEvent(), TOO_DEEP, is_read=False)
    except msgspec.DecodeError:
        return Examined(LooseEvent(), NOT_JSON if _any.alone(line) is None else NOT_AN_OBJECT, is_read=False)
    time = fields.get("timestamp")
    return Examined(event, "; ".join(wrong) or None, timestamp_json=time.decode() if time and event.timestamp is None else None)


def _reserved(names: Iterable[str]) -> Iterator[str]:
    if reserved := [name for name in names if name.startswith("$")]:
        yield f"fields that begin with $ are reserved, rename them: {', '.join(reserved)}"


def _differing(fields: dict[str, bytes]) -> Iterator[str]:
    for name, camel in SPELLINGS.items():
        if name in fields and camel in fields and _text_or_json(fields[name]) != _text_or_json(fields[camel]):
            yield f"{name} and {camel} are both given and differ: use one spelling"


def _read_fields(fields: dict[str, bytes], event: LooseEvent) -> Iterator[str]:
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
            event.properties = _fields.decode(properties)
        else:
            yield "properties is no object: write {…}"
    if (tombstone := fields.get("tombstone")) is not None:
        event.tombstone = tombstone == b"true"
        if tombstone not in (b"true", b"false"):
            yield "tombstone is neither true nor false"


def _text_or_json(raw: bytes) -> Any:
    return _text.decode(raw) if raw.startswith(b'"') else raw
