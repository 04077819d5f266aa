"""What is read of lines is what Python's own reader of JSON reads of them, whether they are read together or one by one."""

# ruff: noqa: DTZ001  (instants are naive UTC)

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dagster_project.landing.event import SPELLINGS
from dagster_project.landing.pieces import piece_of
from dagster_project.landing.validation import Judge
from rating.books.values import canonical_number

AS_OF = dt.datetime(2026, 2, 1)
TEXTS = st.sampled_from(
    ["a", "US", "", "é€😀", "x" * 13, "z" * 300, "}}", ',"', "} {", ": -0", "\\u00e9", "null", " ", ": 1e5", "a\u007fb", "$a"]
) | st.text(max_size=8)
NUMBERS = st.from_regex(r"-?(0|[1-9][0-9]{0,17})(\.[0-9]{1,12})?([eE][+-]?[0-9])?", fullmatch=True)
KEYS = st.sampled_from(["a", "n", "region", "event_name", "properties", "é", "x" * 30])
WRITTEN = TEXTS.map(json.dumps) | TEXTS.map(lambda text: json.dumps(text, ensure_ascii=False))
VALUES = (
    WRITTEN | NUMBERS | st.sampled_from(["true", "false", "null", "0.0", "50.10", "100", "0.000", "-0", "[]", "{}", "1.", "01"])
)
TIMES = st.sampled_from(
    ["2026-01-05T10:00:00Z", "2026-01-05T10:00:00.123456Z", "2026-01-05 10:00:00.5Z", "2026-01-05T11:00:00+01:00"]
)


@st.composite
def _objects(draw: Any, members: Any) -> str:
    comma, colon = draw(st.sampled_from([(",", ":"), (", ", ": ")]))
    return "{" + comma.join(f"{json.dumps(key)}{colon}{value}" for key, value in draw(members)) + "}"


PROPERTIES = _objects(st.lists(st.tuples(KEYS, VALUES), max_size=4))
MEMBERS = st.tuples(
    st.sampled_from(["event_name", "eventName", "customer_id", "idempotency_key", "extra", 'ex"tra', "tombstone", "$door"]),
    VALUES,
)
USUAL = st.tuples(WRITTEN, WRITTEN, TIMES.map(json.dumps), PROPERTIES | VALUES).map(
    lambda one: [("event_name", one[0]), ("customer_id", one[1]), ("timestamp", one[2]), ("properties", one[3])]
)
LINES = _objects(USUAL | USUAL.flatmap(lambda usual: st.lists(MEMBERS, max_size=3).map(lambda more: usual + more)))


@pytest.fixture(scope="module")
def judge() -> Judge:
    return Judge(AS_OF, "UTC")


def _event_by_python(line: str) -> dict[str, Any] | None:
    """The event of a line; None where it is none."""

    def refuse(_: str) -> None:
        raise ValueError

    try:
        said = json.loads(line, parse_float=Decimal, parse_int=Decimal, parse_constant=refuse)
        json.dumps(said, default=str, ensure_ascii=False).encode()  # a lone surrogate is no text
    except ValueError:
        return None
    if _gives_twice(line):
        return None
    given = {name: value for name, value in said.items() if value is not None}
    if any(name.startswith("$") for name in said):
        return None
    event = {}
    for name, camel in SPELLINGS.items():
        values = [given[one] for one in (name, camel) if one in given]
        if any(value != values[0] or not isinstance(value, str) for value in values):
            return None
        event[name] = (values or [None])[0] or None
    properties, tombstone = given.get("properties"), given.get("tombstone", False)
    if event["event_name"] is None or event["customer_id"] is None or not isinstance(tombstone, bool):
        return None
    if not isinstance(properties, dict | None):
        return None
    return event | {"tombstone": tombstone, "properties": None if properties is None else _canonical(properties)}


def _gives_twice(line: str) -> bool:
    """Whether an event or its properties give a key twice."""
    pairs = json.loads(line, object_pairs_hook=list)
    within = [value for name, value in pairs if name == "properties" and isinstance(value, list)]
    return any(
        len({name for name, _ in one}) < len(one) for one in (pairs, *within) if all(isinstance(pair, tuple) for pair in one)
    )


def _canonical(properties: dict[str, Any]) -> dict[str, Any]:
    """Canonical texts by name (R-15); lists as they are, empty objects and nulls left out."""
    return {
        name: canonical_number(value) if isinstance(value, Decimal) else value
        for name, value in properties.items()
        if value is not None and value != {}
    }


def _events_by_landing(judge: Judge, lines: list[str]) -> dict[int, dict[str, Any]]:
    events = judge.judged([piece_of(0, [line.encode() for line in lines])]).events
    columns = [*SPELLINGS, "tombstone", "properties"]
    found = {row.pop("position"): row for row in events.select("position", *columns).to_dicts()}
    for row in found.values():
        read = json.loads(row["properties"], parse_float=Decimal, parse_int=Decimal) if row["properties"] is not None else None
        row["properties"] = None if read is None else _canonical(read)
    return found


QUICKLY = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@QUICKLY
@given(st.lists(LINES, min_size=1, max_size=30))
def test_lines_are_read_as_python_reads_them(judge: Judge, lines: list[str]) -> None:
    expected = {place: event for place, line in enumerate(lines, 1) if (event := _event_by_python(line)) is not None}
    assert _events_by_landing(judge, lines) == expected


@pytest.mark.full
@settings(QUICKLY, max_examples=5_000, derandomize=False)
@given(st.lists(LINES, min_size=1, max_size=30))
def test_lines_are_read_as_python_reads_them_for_long(judge: Judge, lines: list[str]) -> None:
    expected = {place: event for place, line in enumerate(lines, 1) if (event := _event_by_python(line)) is not None}
    assert _events_by_landing(judge, lines) == expected


@QUICKLY
@given(st.lists(LINES, min_size=1, max_size=20))
def test_lines_read_together_are_what_each_is_alone(judge: Judge, lines: list[str]) -> None:
    alone = {place: _events_by_landing(judge, [line]).get(1) for place, line in enumerate(lines, 1)}
    assert _events_by_landing(judge, lines) == {place: event for place, event in alone.items() if event is not None}
