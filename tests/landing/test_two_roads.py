"""A line gives the same rows whether it is told by its shape or read and judged."""

# ruff: noqa: DTZ001  (instants are naive UTC)

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dagster_project.landing import familiar
from dagster_project.landing.instants import TEXT_BYTES_MAX, read_instants
from dagster_project.landing.shapes import shape_of

TEXTS = st.sampled_from(
    [
        "a",
        "US",
        "",
        "é€😀",
        "x" * 13,
        "y" * 60,
        "z" * 300,
        "}}",
        ',"',
        "in, inf",
        ": -0",
        "\\u00e9",
        "null",
        " ",
        ": 1e5",
        "a\u007fb",
    ]
) | st.text(max_size=8)
NUMBERS = st.from_regex(r"-?(0|[1-9][0-9]{0,17})(\.[0-9]{1,12})?([eE][+-]?[0-9])?", fullmatch=True)
KEYS = st.sampled_from(["a", "n", "region", "event_name", "properties", "é", "x" * 30])
WRITTEN = TEXTS.map(json.dumps) | TEXTS.map(lambda text: json.dumps(text, ensure_ascii=False))
VALUES = (
    WRITTEN
    | NUMBERS
    | st.sampled_from(["true", "false", "null", "0.0", "50.10", "1.50", "100", "0.000", "-1", "[]", "{}", "1."])
)
TIMES = st.sampled_from(
    [
        *(
            "2026-01-05T10:00:00Z",
            "2026-01-05T10:00:00.123456Z",
            "2026-01-05 10:00:00.5Z",
            "2026-01-05T10:00:00+01:00",
            "2026-01-05",
        ),
        *("2026-02-29T00:00:00Z", "2024-02-29T00:00:00Z", "2026-01-05T24:00:00Z", "", "soon", "2027-01-05T10:00:00Z"),
        *("0000-01-05T10:00:00Z", "2026-01-05T10:00:60Z", "2026-01-05T10:00:00.1234567Z", "2026-13-05T10:00:00Z"),
    ]
)


@st.composite
def _objects(draw: Any, members: Any) -> str:
    comma, colon = draw(st.sampled_from([(",", ":"), (", ", ": ")]))
    return "{" + comma.join(f"{json.dumps(key)}{colon}{value}" for key, value in draw(members)) + "}"


PROPERTIES = _objects(st.lists(st.tuples(KEYS, VALUES), max_size=4))
MEMBERS = st.tuples(
    st.sampled_from(
        [
            "event_name",
            "eventName",
            "customer_id",
            "external_customer_id",
            "idempotency_key",
            "contractId",
            "extra",
            "tombstone",
        ]
    ),
    VALUES,
)
USUAL = st.tuples(WRITTEN, WRITTEN, TIMES.map(json.dumps), PROPERTIES | VALUES).map(
    lambda one: [("event_name", one[0]), ("customer_id", one[1]), ("timestamp", one[2]), ("properties", one[3])]
)
LINES = _objects(USUAL | USUAL.flatmap(lambda usual: st.lists(MEMBERS, max_size=3).map(lambda more: usual + more)))
ENDS = st.sampled_from(["\n", "\n", "\r\n", " \n", "\n\n"])


def _landed(bench: Any, content: str) -> tuple[list[Any], list[Any]]:
    bench.put("a.jsonl", content.encode())
    bench.land()
    return bench.events().rows(), bench.quarantine().rows()


BLOCKS = st.sampled_from([1, 40, 300, familiar.BLOCK_BYTES])
QUICKLY = settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
THOROUGHLY = settings(QUICKLY, max_examples=3_000, derandomize=False)


@QUICKLY
@given(st.lists(st.tuples(LINES, ENDS), min_size=1, max_size=60), BLOCKS)
def test_both_roads_give_the_same_rows(new_bench: Any, written: list[tuple[str, str]], block_bytes: int) -> None:
    give_the_same_rows(new_bench, written, block_bytes)


@pytest.mark.full
@THOROUGHLY
@given(st.lists(st.tuples(LINES, ENDS), min_size=1, max_size=60), BLOCKS)
def test_both_roads_give_the_same_rows_for_long(new_bench: Any, written: list[tuple[str, str]], block_bytes: int) -> None:
    give_the_same_rows(new_bench, written, block_bytes)


def give_the_same_rows(new_bench: Any, written: list[tuple[str, str]], block_bytes: int) -> None:
    content = "".join(line + end for line, end in [*written, *written])  # twice, so that shapes are met again
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(familiar, "BLOCK_BYTES", block_bytes)
        told = _landed(new_bench(), content)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(familiar, "shape_of", lambda _: None)
        read = _landed(new_bench(), content)
    assert told == read


@pytest.mark.parametrize("block_bytes", [1, 99, 100, 101, 150, 250])
def test_a_block_may_end_anywhere_in_a_line(new_bench: Any, block_bytes: int) -> None:
    line = json.dumps({"event_name": "a", "customer_id": "c", "timestamp": "2026-01-05T10:00:00Z"}, separators=(",", ":"))
    give_the_same_rows(new_bench, [(line + " " * (99 - len(line)), "\n")] * 5, block_bytes)


def test_an_error_that_cuts_a_character_is_one_broken_line(bench: Any) -> None:
    bench.put_lines(
        "a.jsonl",
        '{"event_name":"a","customer_id":"0\\u0007𐀀𐀀","timestamp":"2026-01-05T10:00:00Z","properties":"a","event_name":1.}',
    )
    bench.land()
    assert bench.reasons() == ["the line is not valid JSON"]


def test_lines_of_known_shapes_are_not_parsed(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [
        {
            "event_name": "a",
            "customer_id": f"c{i}",
            "timestamp": f"2026-01-05T10:00:{i:02}Z",
            "properties": {"n": i / 8, "t": "x" * i},
        }
        for i in range(60)
    ]
    monkeypatch.setattr("dagster_project.landing.judging.read_fields", None)
    bench.put("a.jsonl", "".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines))
    assert bench.land().events == 60
    assert [json.loads(text) for text in bench.events()["properties"]] == [line["properties"] for line in lines]


@pytest.mark.parametrize(
    "line",
    [
        '{"event_name":"a","customer_id":"c","customer_id":"d"}',
        '{"event_name":"a","customer_id":"c","properties":{"n":1,"n":2}}',
        '{"event_name":"a","customer_id":"c","properties":{"n":{}}}',
        '{"event_name":"a","customer_id":"c","properties":[]}',
        '{"event_name":"a","customer_id":"c","externalCustomerId":"d"}',
        '{"event_name":"a","eventName":"a","customer_id":"c"}',
        '{"event_name":1,"customer_id":"c"}',
        '{"event_name":"a","customer_id":"c","tombstone":1}',
        '{"event_name":"a","customer_id":"c","x":NaN}',
        '{"event_name":"a\\"","customer_id":"c"}',
        '[{"event_name":"a","customer_id":"c"}]',
        '{"event_name":"a"}',
        "{}",
    ],
)
def test_nothing_is_learned_from_what_is_no_plain_event(line: str) -> None:
    assert shape_of(line.encode()) is None


@given(st.datetimes(min_value=dt.datetime(1, 1, 1), max_value=dt.datetime(9999, 12, 31)), st.integers(0, 6))
def test_usual_times_are_read_to_the_microsecond(instant: dt.datetime, decimals: int) -> None:
    cut = instant.replace(microsecond=instant.microsecond // 10 ** (6 - decimals) * 10 ** (6 - decimals))
    text = cut.isoformat(timespec="microseconds")[: 20 + decimals if decimals else 19] + "Z"
    padded = np.frombuffer(text.encode() + bytes(TEXT_BYTES_MAX), dtype=np.uint8)
    found, is_time = read_instants(padded, np.array([0]), np.array([len(text)]))
    assert is_time.all()
    assert dt.datetime(1970, 1, 1) + dt.timedelta(microseconds=int(found[0])) == cut
