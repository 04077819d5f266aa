"""R-115: what is read rightly and yet not meant is noted, once a file and field: fields nobody reads, times made up, bare dates."""

from __future__ import annotations

import json
from typing import Any

import pytest

GOOD = {"event_name": "used", "customer_id": "c", "timestamp": "2026-01-05T12:00:00Z"}
FOREIGN = {"event_id": "e1", "metadata": {"endpoint": "/v1"}}


def found(bench: Any, code: str = "unread_field") -> list[tuple[Any, ...]]:
    (landing,) = [bench.land()]
    return [(one.file, one.field, one.events, one.position) for one in landing.findings if one.code == code]


def test_a_field_that_nobody_reads_is_noted_with_its_events(bench: Any) -> None:
    bench.put_lines("a.jsonl", GOOD, {**GOOD, "event_id": "e1"}, {**GOOD, "event_id": "e2", "kind": "x"}, GOOD)
    assert found(bench) == [("a.jsonl", "event_id", 2, 2), ("a.jsonl", "kind", 1, 3)]


@pytest.mark.parametrize("name", ['a"b', "a\\b", "a\nb", "unread_0", "", "é", "class"])
def test_a_field_may_have_any_name(name: str, bench: Any) -> None:
    bench.put_lines("a.jsonl", GOOD, {**GOOD, name: 1}, {**GOOD, name: 2, "kind": "x"})
    assert sorted(found(bench)) == sorted([("a.jsonl", name, 2, 2), ("a.jsonl", "kind", 1, 3)])


@pytest.mark.parametrize("count", [1, 40, 5_000])
def test_every_line_with_the_field_is_counted(count: int, bench: Any) -> None:
    bench.put_lines("flat.jsonl", *({**GOOD, "event_id": str(n)} for n in range(count)))
    bench.put_lines("nested.jsonl", *({**GOOD, **FOREIGN} for _ in range(count)))
    expected = [
        ("flat.jsonl", "event_id", count, 1),
        ("nested.jsonl", "event_id", count, 1),
        ("nested.jsonl", "metadata", count, 1),
    ]
    assert found(bench) == expected


def test_fields_of_lists_and_envelopes_are_noted_too(bench: Any) -> None:
    bench.put("list.json", json.dumps([{**GOOD, "event_id": "e"}] * 3))
    bench.put("envelope.json", json.dumps({"events": [{**GOOD, "time": "x"}] * 2}))
    assert found(bench) == [("envelope.json", "time", 2, 1), ("list.json", "event_id", 3, 1)]


def test_a_field_that_is_null_or_of_a_quarantined_line_is_none(bench: Any) -> None:
    bench.put_lines("a.jsonl", {**GOOD, "event_id": None}, {"event_id": "e", "customer_id": "c"})
    assert [one for one in found(bench) if one[1] != "event_id"] == []


def test_a_column_that_nobody_reads_is_noted(bench: Any) -> None:
    bench.put("a.csv", "event_name,customer_id,region\nused,c,US\nused,c,EU\n")
    assert found(bench) == [("a.csv", "region", 2, 1)]


def test_a_made_up_time_and_a_bare_date_are_counted(bench: Any) -> None:
    untimed = {"event_name": "used", "customer_id": "c"}
    bench.put_lines("a.jsonl", GOOD, untimed, untimed, {**untimed, "idempotency_key": "k", "tombstone": True})
    bench.put_lines("b.jsonl", *({**GOOD, "timestamp": "2026-01-05"} for _ in range(3)))
    landing = bench.land()
    noted = {(one.code, one.file): (one.events, one.position) for one in landing.findings}
    assert noted == {("time_made_up", "a.jsonl"): (2, 2), ("bare_date", "b.jsonl"): (3, 1)}


def test_a_sender_that_makes_up_names_of_fields_is_kept_short(bench: Any) -> None:
    bench.put_lines("a.jsonl", *({**GOOD, f"field_{n}": [n]} for n in range(1_000)))
    assert len(found(bench)) == 20
