"""Notices of the events of a request (R-61): the books are laid out once and asked about one event after the other."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec

from dagster_project.api.books_of_now import BooksOfNow, Known
from dagster_project.checks.notices import Notice, Notices
from dagster_project.landing.event import SPELLINGS
from dagster_project.register.agreements import Item
from rating.books.garbage import uncollected
from rating.calendar import naive_utc

_SNAKE = {camel: name for name, camel in SPELLINGS.items()}


class Noticing:
    """What the books of now would make of events."""

    def __init__(self, books: BooksOfNow) -> None:
        self._notices: Notices | None = None
        books.tell(self._lay_out)

    def about(self, events: Sequence[tuple[int, bytes]], receipt: datetime) -> list[tuple[int, Notice]]:
        """Notices by the index of their event; none while the books have mistakes, which is no reason to turn events away."""
        notices, found = self._notices, list[tuple[int, Notice]]()
        if notices is not None:
            for index, event in events:
                with contextlib.suppress(msgspec.DecodeError, ValueError):
                    found += [(index, one) for one in notices.about(fields_of(event), receipt)]
        return found

    def _lay_out(self, known: Known | None, agreed: Sequence[Item] | None) -> None:
        if known is None:
            self._notices = None
        elif self._notices is None or agreed is None:
            with uncollected():
                self._notices = Notices.of(known.together)
        else:
            self._notices.hear_of(
                known.together,
                {item.terms["id"] for item in agreed if item.kind == "customer"},
                {item.terms["id"] for item in agreed if item.kind == "contract"},
            )


_event = msgspec.json.Decoder(dict[str, Any], float_hook=Decimal)


def fields_of(event: bytes) -> dict[str, Any]:
    """An event's fields in snake_case, nested properties flat, its time as an instant."""
    said = _event.decode(event)
    fields = {_SNAKE.get(name, name): value for name, value in said.items() if value not in (None, "")}
    when = fields.get("timestamp")
    if isinstance(when, str):
        fields["timestamp"] = naive_utc(datetime.fromisoformat(when))
    fields["properties"] = dict(_flat(fields.get("properties") or {}, ""))
    return fields


def _flat(properties: dict[str, Any], path: str) -> Iterator[tuple[str, Any]]:
    for name, value in properties.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{path}{name}.")
        else:
            yield f"{path}{name}", value


def by_code(found: Sequence[tuple[int, Notice]]) -> list[dict[str, Any]]:
    """Notices of a batch: how many of each kind, the first for an example."""
    counted: dict[str, dict[str, Any]] = {}
    for index, one in found:
        said = counted.setdefault(one.code, {"code": one.code, "count": 0, "example": {"index": index, "message": one.message}})
        said["count"] += 1
    return list(counted.values())
