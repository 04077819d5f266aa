"""What makes a line an event, and the sentence for each thing that does not (R-10)."""

# ruff: noqa: DTZ001  (instants are naive UTC)

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pytest

GOOD = {"event_name": "a", "customer_id": "c"}
NOON = dt.datetime(2026, 1, 5, 12)

BROKEN: list[tuple[str, list[str]]] = [
    ("nonsense", ["not valid JSON"]),
    ('{"event_name":"a","customer_id":"c"', ["not valid JSON"]),
    ('{"event_name":"a","customer_id":"c"} {"event_name":"a"}', ["not valid JSON"]),
    ('{"event_name":"a","customer_id":"c","x":NaN}', ["not valid JSON"]),
    ('{"event_name":"a","customer_id":"c","x":[-Infinity]}', ["not valid JSON"]),
    ('{"event_name":"a","customer_id":"c",}', ["not valid JSON"]),
    ('{"event_name":"a","customer_id":"c","x":[1, ]}', ["not valid JSON"]),
    ('{"event_name":"a\x00","customer_id":"c"}', ["not valid JSON"]),
    ('{"event_name":"a","customer_id":"\\ud800"}', ["not valid JSON"]),
    ("null", ["no JSON object"]),
    ("17", ["no JSON object"]),
    ('"text"', ["no JSON object"]),
    ('[17,{"event_name":"a","customer_id":"c"}]', ["no JSON object"]),
    ("{}", ["event_name is missing", "no customer"]),
    ('{"event_name":"","customer_id":"c"}', ["event_name is missing"]),
    ('{"event_name":null,"customer_id":"c"}', ["event_name is missing"]),
    ('{"event_name":5,"customer_id":"c"}', ["event_name is no text"]),
    ('{"event_name":"a"}', ["no customer"]),
    ('{"event_name":"a","customer_id":""}', ["no customer"]),
    ('{"event_name":"a","customer_id":"c","external_customer_id":"x"}', ["two customers"]),
    ('{"event_name":"a","customerId":"c","externalCustomerId":"x"}', ["two customers"]),
    ('{"event_name":"a","customer_id":17}', ["customer_id is no text"]),
    ('{"event_name":"a","customer_id":12345678901234567890123}', ["customer_id is no text"]),
    ('{"event_name":"a","external_customer_id":["x"]}', ["external_customer_id is no text"]),
    ('{"event_name":"a","customer_id":"c","contract_id":1}', ["contract_id is no text"]),
    ('{"event_name":"a","customer_id":"c","idempotencyKey":true}', ["idempotency_key is no text"]),
    ('{"event_name":"a","eventName":"b","customer_id":"c"}', ["event_name and eventName are both given"]),
    ('{"event_name":"a","customer_id":"c","customerId":"d"}', ["customer_id and customerId are both given"]),
    ('{"event_name":"a","customer_id":"c","customer_id":"d"}', ["given more than once: customer_id"]),
    ('{"event_name":"a","customer_id":"c","properties":[]}', ["properties is no object"]),
    ('{"event_name":"a","customer_id":"c","properties":"x"}', ["properties is no object"]),
    ('{"event_name":"a","customer_id":"c","properties":123456789012345678901}', ["properties is no object"]),
    (
        '{"event_name":"a","customer_id":"c","properties":{"x":{"y":{"y":{"y":{"y":{"y":{"y":{"y":{"y":1}}}}}}}}}}',
        ["deeper than 8"],
    ),
    ('{"event_name":"a","customer_id":"c","properties":{"x":"[","y":[[[[[[[[[]]]]]]]]]}}', ["deeper than 8"]),
    ('{"event_name":"a","customer_id":"c","properties":{"n":1,"n":2}}', ["more than once in properties: n"]),
    ('{"event_name":"a","customer_id":"c","properties":{"n":1e1000}}', ["exponent beyond 999"]),
    ('{"event_name":"a","customer_id":"c","tombstone":"true"}', ["tombstone"]),
    ('{"event_name":"a","customer_id":"c","tombstone":1}', ["tombstone"]),
    (
        '{"event_name":5,"tombstone":0,"properties":1}',
        ["event_name is no text", "no customer", "tombstone", "properties is no object"],
    ),
]


@pytest.mark.parametrize(("line", "reasons"), BROKEN)
def test_a_broken_line_says_all_that_is_wrong(line: str, reasons: list[str], bench: Any) -> None:
    bench.put_lines("a.jsonl", GOOD, line, GOOD)
    landing = bench.land()
    assert landing.quarantined == 1
    row = bench.quarantine().row(0, named=True)
    assert [reason for reason in reasons if reason not in row["reason"]] == []
    assert row["reason"].count("; ") >= len(reasons) - 1
    assert (row["file"], row["position"], row["received_at"]) == ("a.jsonl", 2, dt.datetime(2026, 2, 1))
    assert row["raw"] in line


def test_a_line_that_is_not_utf8_goes_alone(bench: Any) -> None:
    bench.put("a.jsonl", json.dumps(GOOD).encode() + b'\n{"event_name":"\xff\xc3"}\n' + json.dumps(GOOD).encode())
    assert bench.land().events == 2
    assert bench.quarantine().select("raw", "reason").row(0) == ('{"event_name":"��"}', "the line is not valid UTF-8")


def test_all_broken_lines_land_in_quarantine_together(bench: Any) -> None:
    bench.put_lines("a.jsonl", *(line for line, _ in BROKEN))
    landing = bench.land()
    assert (landing.events, landing.quarantined) == (1, len(BROKEN))  # the list of two holds an event too


@pytest.mark.parametrize(
    ("written", "instant"),
    [
        ("2026-01-05", dt.datetime(2026, 1, 5)),
        ("2026-01-05T12:00", NOON),
        ("2026-01-05 12:00:00", NOON),
        ("2026-01-05T12:00:00Z", NOON),
        ("2026-01-05T12:00:00.000000999Z", NOON),
        ("2026-01-05T12:00:00.9999999Z", NOON.replace(microsecond=999_999)),
        ("2026-01-05T12:00:00.5", NOON.replace(microsecond=500_000)),
        ("2026-01-05T13:30:00+01:30", NOON),
        ("2026-01-05T13:30:00+0130", NOON),
        ("2026-01-05T07:00:00-05", NOON),
        # what BigQuery, Snowflake, PostgreSQL and RFC 3339 write
        ("2026-01-05 12:00:00 UTC", NOON),
        ("2026-01-05 12:00:00.5 UTC", NOON.replace(microsecond=500_000)),
        ("2026-01-05 12:00:00 Z", NOON),
        ("2026-01-05 04:00:00.000 -0800", NOON),
        ("2026-01-05 13:30:00 +01:30", NOON),
        ("2026-01-05t12:00:00z", NOON),
        ("20260105T120000Z", NOON),
        ("20260105T1200Z", NOON),
        ("20260105T133000.5+0130", NOON.replace(microsecond=500_000)),
        ("2026-01-06T02:00:00.1+14:00", NOON.replace(microsecond=100_000)),
        ("2026-02-01T01:00:00Z", dt.datetime(2026, 2, 1, 1)),
        ("0001-01-01T00:00:00Z", dt.datetime(1, 1, 1)),
    ],
)
def test_times_are_iso_8601_in_utc_cut_to_microseconds(written: str, instant: dt.datetime, bench: Any) -> None:
    bench.put_lines("a.jsonl", {**GOOD, "timestamp": written})
    bench.land()
    assert bench.events()["timestamp"].to_list() == [instant]


@pytest.mark.parametrize(
    "written",
    [
        "",
        "yesterday",
        "now",
        "infinity",
        "epoch",
        1_767_614_400,
        "1767614400",
        "20260105",
        "20260105T12",
        "2026-01-05  12:00:00",
        "2026-01-05T12:00:00  Z",
        "2026-01-05T12:00:00 CET",
        True,
        {"at": 1},
        "2026-1-5",
        "2026-02-29",
        "2026-13-01",
        "2026-01-05T24:61",
        "2026-01-05T24:00:00Z",
        "2026-01-05T12:00:60Z",
        "2026-01-05T12",
        "2026-01-05T12:00:00.Z",
        "2026-01-05T12:00:00+25:00",
        "2026-01-05T12:00:00+01:60",
        "2026-01-05Z",
        " 2026-01-05",
        "0000-01-01",
        "05.01.2026",
        "2026-01-05T12:00:00 (BC)",
    ],
)
def test_what_is_no_time_is_said(written: Any, bench: Any) -> None:
    bench.put_lines("a.jsonl", {**GOOD, "timestamp": written})
    assert bench.land().quarantined == 1
    assert bench.reasons()[0].startswith("timestamp is no ISO 8601 time such as 2026-01-31T09:30:00Z: ")


@pytest.mark.parametrize(
    ("written", "to_write"),
    [
        (1_767_614_400, "2026-01-05T12:00:00Z"),
        ("1767614400", "2026-01-05T12:00:00Z"),
        (1_767_614_400_500, "2026-01-05T12:00:00.500Z"),
        ("1767614400000001", "2026-01-05T12:00:00.000001Z"),
    ],
)
def test_an_epoch_number_is_answered_with_what_to_write(written: Any, to_write: str, bench: Any) -> None:
    bench.put_lines("a.jsonl", {**GOOD, "timestamp": written})
    bench.land()
    assert bench.reasons()[0].endswith(f"; write {to_write} for it")


def test_a_bare_date_is_the_first_instant_of_that_day_in_the_books_zone(bench: Any) -> None:
    bench.put_lines("a.jsonl", *({**GOOD, "timestamp": f"2026-01-{day:02}"} for day in range(1, 20)))
    bench.put("b.csv", "event_name,customer_id,timestamp\nused,c,2026-01-20\nused,c,2026-01-21T00:00:00\n")
    bench.land(zone="America/New_York")
    days = [dt.datetime(2026, 1, day, 5) for day in range(1, 21)]
    assert bench.events()["timestamp"].sort().to_list() == [*days, dt.datetime(2026, 1, 21)]


def test_a_time_more_than_an_hour_ahead_is_quarantined(bench: Any) -> None:
    bench.put_lines("a.jsonl", {**GOOD, "timestamp": "2026-02-01T01:00:00.000001Z"})
    bench.land()
    assert bench.reasons() == ["timestamp is more than one hour after the event was received, at 2026-02-01T00:00:00Z"]


def test_null_is_absent_and_unknown_fields_are_ignored(bench: Any) -> None:
    nothing = dict.fromkeys(
        ("external_customer_id", "contract_id", "idempotency_key", "timestamp", "properties", "tombstone", "customerId")
    )
    bench.put_lines("a.jsonl", {**GOOD, **nothing, "extra": {"deep": [1, {"x": "{["}]}})
    bench.land()
    row = bench.events().row(0, named=True)
    assert {name: row[name] for name in nothing if name in row} == {
        **{name: None for name in nothing if name in row},
        "timestamp": dt.datetime(2026, 2, 1),
        "tombstone": False,
    }


def test_empty_keys_are_absent(bench: Any) -> None:
    bench.put_lines("a.jsonl", {**GOOD, "external_customer_id": "", "contract_id": "", "idempotency_key": ""})
    bench.land()
    assert bench.events().select("external_customer_id", "contract_id", "idempotency_key").row(0) == (None, None, None)


def test_equal_values_in_both_spellings_are_one(bench: Any) -> None:
    bench.put_lines("a.jsonl", {**GOOD, "eventName": "a", "customerId": "c"})
    assert bench.land().events == 1


@pytest.mark.parametrize(
    ("line", "twice"),
    [
        ('{"event_name":"a","event_name":"a","customer_id":"c"}', "event_name"),
        ('{"event_name":"a","customer_id":null,"customer_id":"c"}', "customer_id"),
        ('{"event_name":"a","customer_id" :"c","customer_id"\t: "c"}', "customer_id"),
        ('{"event_name":"a","customer_id":"c","note":1,"note":2}', "note"),
        ('{"event_name":"a","customer_id":"c","customer\\u005fid":"c"}', "customer_id"),
        ('{"event_name":"a","customer_id":"c","properties":{"n":1},"properties":{"m":1}}', "properties"),
        ('{"event_name":"a","customer_id":"c","properties":{"x\\\\":1,"x\\\\":1}}', "in properties: x\\"),
        ('{"event_name":"a","customer_id":"c","properties":{"a":{"n":1},"b":[{"n":1,"n":2}],"a":{"n":2}}}', "in properties: a"),
    ],
)
def test_a_key_that_is_given_twice_makes_no_event(line: str, twice: str, bench: Any) -> None:
    bench.put_lines("a.jsonl", GOOD, line, GOOD)
    assert bench.land().events == 2
    (reason,) = bench.reasons()
    assert "given more than once" in reason
    assert reason.partition(";")[0].endswith(twice)


def test_texts_that_look_like_keys_are_none(bench: Any) -> None:
    odd = {**GOOD, "properties": {"a": 'b":', "c": ' :"c":', "d": "\n:", 'e":': "e"}, "note": {"a": {"a": 1}}}
    bench.put_lines("a.jsonl", odd, {**GOOD, "idempotency_key": ':":":'})
    assert bench.land().events == 2


def test_a_line_holds_one_event_wherever_others_end(bench: Any) -> None:
    """Two events on one line, and one over two, are as many as the lines."""
    bench.put(
        "a.jsonl",
        '{"event_name":"a","customer_id":"c"} {"event_name":"a","customer_id":"c"}\n{"event_name":"a",\n"customer_id":"c"}\n',
    )
    assert bench.land().events == 0
    assert bench.reasons() == ["the line is not valid JSON"] * 3


def test_texts_are_kept_by_content(bench: Any) -> None:
    odd = 'a"b\\c/é€😀\x00\x1f\n\t [ { '
    bench.put_lines(
        "a.jsonl", {"event_name": odd, "customer_id": odd, "idempotency_key": odd, "properties": {odd: odd, "empty": ""}}
    )
    bench.land()
    row = bench.events().row(0, named=True)
    assert (row["event_name"], row["customer_id"], row["idempotency_key"]) == (odd, odd, odd)
    assert json.loads(row["properties"]) == {odd: odd, "empty": ""}


def test_r93_properties_may_nest_and_values_are_named_by_their_path(bench: Any) -> None:
    nested = {"usage": {"in": {"cached": 1}, "text": "x"}, "usage.in.cached": 2, "tags": [1, {"a": 2.5}], "n": 1.5, "none": {}}
    line = json.dumps({**GOOD, "properties": nested}).replace("1.5", "1.50000000000000000000000000001")
    bench.put_lines("a.jsonl", line, {**GOOD, "properties": {"list": [True, None]}})
    landed = bench.land()
    assert (landed.events, landed.quarantined) == (2, 0)
    first, second = (json.loads(text) for text in bench.events().sort("position")["properties"])
    assert first == {
        "usage.in.cached": "2",
        "usage.text": "x",
        "tags": [1, {"a": 2.5}],
        "n": "1.50000000000000000000000000001",
    }
    assert second == {"list": [True, None]}


@pytest.mark.parametrize(
    ("properties", "said"),
    [
        ("{" + '"a":{' * 8 + "}" * 8 + "}", "properties nests deeper than 8"),
        (json.dumps({"a": {str(n): n for n in range(1_001)}}), "holds more than 1,000 values"),
        ('{"a":{"b":1,"b":2}}', "given more than once in properties: a.b"),
        ('{"a":{"b":NaN}}', "not valid JSON"),
    ],
)
def test_r93_what_nests_has_its_limits(properties: str, said: str, bench: Any) -> None:
    line = json.dumps({**GOOD, "properties": "P"}).replace('"P"', properties)
    bench.put_lines("a.jsonl", line, GOOD)
    assert bench.land().events == 1
    assert said in bench.reasons()[0]
