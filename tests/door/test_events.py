"""Events by HTTP (R-53 to R-61): what is answered, what is kept, and what lands."""

from __future__ import annotations

import gzip
import json
import os
import resource
import shutil
import threading
import time
import uuid
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import zstandard
from starlette.testclient import TestClient

from dagster_project.api import requests, segments, server
from dagster_project.api.books_of_now import BooksOfNow
from dagster_project.api.server import application
from dagster_project.cli.launch import launch
from dagster_project.landing import doors
from dagster_project.pipeline.run import Run
from dagster_project.register import keys
from tests.door.conftest import ACME, CALL, NOW, Opened, served
from tests.shell.test_a_night import rows


def error_of(response: Any) -> dict[str, Any]:
    said = response.json()
    assert said["requestId"] == response.headers["x-request-id"]
    assert set(said["error"]) <= {"message", "code", "details"}
    assert all(set(one) == {"path", "message"} for one in said["error"].get("details", []))
    return said["error"]  # type: ignore[no-any-return]


# --- one event -----------------------------------------------------------------------------------------------------------------


def test_r56_an_event_is_accepted_and_lands_with_its_digits_and_its_receipt(door: Opened) -> None:
    event = CALL | {"properties": {"duration_minutes": "x"}}
    body = json.dumps(event).replace('"x"', "1.234567890123456789").encode()
    answer = door.post(body)
    assert answer.status_code == 202
    said = {name: value for name, value in answer.json().items() if name != "notices"}
    assert said == {"status": "accepted", "idempotencyKey": "call-1", "requestId": answer.headers["x-request-id"]}
    events, lines = door.landed()
    assert lines.is_empty()
    [landed] = events.to_dicts()
    assert landed["properties"] == '{"duration_minutes":"1.234567890123456789"}'
    assert NOW <= landed["received_at"] <= NOW + timedelta(minutes=5)


@pytest.mark.parametrize("given", [{}, {"idempotency_key": None, "timestamp": None}, {"idempotencyKey": "", "timestamp": None}])
def test_r56_key_and_time_are_given_where_there_are_none(door: Opened, given: dict[str, Any]) -> None:
    event = {name: value for name, value in CALL.items() if name not in ("idempotency_key", "timestamp")} | given
    key = door.post(event).json()["idempotencyKey"]
    uuid.UUID(key)
    events, _ = door.landed()
    [landed] = events.to_dicts()
    assert landed["idempotency_key"] == key
    assert landed["timestamp"] == landed["received_at"]


def test_r56_an_event_that_breaks_rules_is_refused_with_all_of_them_and_stands_in_quarantine(door: Opened) -> None:
    answer = door.post({"eventName": "ai_call", "timestamp": "tomorrow", "$set": 1})
    assert answer.status_code == 400
    error = error_of(answer)
    assert error["code"] == "VALIDATION_ERROR"
    assert [one["path"] for one in error["details"]] == ["", "", "timestamp"]
    events, lines = door.landed()
    assert events.is_empty()
    [line] = lines.to_dicts()
    assert "; ".join(one["message"] for one in error["details"]) == line["reason"]
    assert json.loads(line["raw"]) == {"eventName": "ai_call", "timestamp": "tomorrow", "$set": 1}


def test_r10_an_hour_ahead_of_the_receipt_is_as_far_as_it_goes(door: Opened) -> None:
    now = door.serving.clock.now()
    assert door.post(CALL | {"timestamp": f"{now + timedelta(minutes=59):%Y-%m-%dT%H:%M:%SZ}"}).status_code == 202
    refused = door.post(CALL | {"timestamp": f"{now + timedelta(minutes=61):%Y-%m-%dT%H:%M:%SZ}"})
    assert "more than one hour after" in error_of(refused)["message"]


# --- batches -------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", ["envelope", "list", "lines"])
def test_r57_every_event_of_a_batch_is_judged_by_itself(door: Opened, shape: str) -> None:
    events = [CALL | {"idempotency_key": f"k-{nth}"} for nth in range(5)]
    events[3] = {"event_name": "ai_call", "idempotency_key": "k-3"}
    body: object = {"envelope": {"events": events}, "list": events}.get(shape)
    headers = {}
    if shape == "lines":
        body = "\n".join(map(json.dumps, events)).encode() + b"\n\n"
        headers = {"content-type": "application/x-ndjson"}
    answer = door.batch(body, headers=headers)
    assert answer.status_code == 202
    said = answer.json()
    assert said["count"] == 4
    [rejected] = said["rejected"]
    assert (rejected["index"], rejected["idempotencyKey"]) == (3, "k-3")
    landed, lines = door.landed()
    assert landed.sort("position").get_column("idempotency_key").to_list() == ["k-0", "k-1", "k-2", "k-4"]
    assert lines.get_column("reason").to_list() == [rejected["message"]]


def test_r57_the_last_version_of_a_batch_is_the_latest(door: Opened) -> None:
    assert door.batch([CALL | {"properties": {"nth": nth}} for nth in range(3)]).json()["count"] == 3
    events, _ = door.landed()
    latest = events.sort("received_at", "file", "position").row(-1, named=True)
    assert latest["properties"] == '{"nth":2}'


def test_r57_nothing_good_in_it_is_400_and_atomic_keeps_nothing(door: Opened) -> None:
    none_good = door.batch([{"event_name": "a"}, {"event_name": ""}])
    assert none_good.status_code == 400
    assert [one["index"] for one in none_good.json()["rejected"]] == [0, 1]
    atomic = door.batch([CALL, {"event_name": ""}], params={"atomic": "true"})
    assert atomic.status_code == 400
    assert [one["path"] for one in error_of(atomic)["details"]] == ["events[1]"]
    checked = door.batch([CALL], params={"dry_run": "true"})
    assert (checked.status_code, checked.json()["status"]) == (200, "checked")
    events, lines = door.landed()
    assert events.is_empty()
    assert lines.height == 2  # of the batch that was not atomic


def test_r57_line_breaks_outside_of_texts_become_spaces(door: Opened) -> None:
    assert door.batch(json.dumps([CALL | {"properties": {"note": "two\nlines"}}], indent=2).encode()).json()["count"] == 1
    events, _ = door.landed()
    assert json.loads(events.item(0, "properties")) == {"note": "two\nlines"}
    assert events.item(0, "position") == 1


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, "VALIDATION_ERROR"),
        (b"[", 400, "VALIDATION_ERROR"),
        (b"[]", 400, "VALIDATION_ERROR"),
        (b'{"events": []}', 400, "VALIDATION_ERROR"),
        (b'{"event": [{}]}', 400, "VALIDATION_ERROR"),
        (b'{"events": {}}', 400, "VALIDATION_ERROR"),
        (b'"text"', 400, "VALIDATION_ERROR"),
        (b'[{"event_name": "\xff"}]', 400, "VALIDATION_ERROR"),
        (b"[" + b",".join([b"{}"] * 10_001) + b"]", 400, "TOO_MANY_EVENTS"),
        (b"[" + b" " * (20 << 20) + b"]", 413, "BODY_TOO_LARGE"),
    ],
)
def test_r20_a_bad_body_keeps_nothing(door: Opened, body: bytes, status: int, code: str) -> None:
    answer = door.batch(body)
    assert (answer.status_code, error_of(answer)["code"]) == (status, code)
    assert all(frame.is_empty() for frame in door.landed())


def test_r55_bodies_may_be_packed_and_are_measured_unpacked(door: Opened) -> None:
    body = json.dumps([CALL]).encode()
    for name, packed in (("gzip", gzip.compress(body)), ("zstd", zstandard.compress(body))):
        assert door.batch(packed, headers={"content-encoding": name}).status_code == 202
        large = b"[" + b" " * (21 << 20) + b"]"
        bomb = gzip.compress(large) if name == "gzip" else zstandard.compress(large)
        assert door.batch(bomb, headers={"content-encoding": name}).status_code == 413
        assert door.batch(packed[:-9], headers={"content-encoding": name}).status_code == 400
        assert door.batch(body, headers={"content-encoding": name}).status_code == 400
    assert door.batch(body, headers={"content-encoding": "br"}).status_code == 415
    assert door.batch(body, headers={"content-type": "text/xml"}).status_code == 415


def test_r55_an_event_larger_than_64_kib_is_refused_by_itself(door: Opened) -> None:
    said = door.batch([CALL, CALL | {"properties": {"text": "x" * (64 << 10)}}]).json()
    assert said["count"] == 1
    assert "64 KiB" in said["rejected"][0]["message"]
    _, lines = door.landed()
    assert len(lines.item(0, "raw")) == 64 << 10


def test_r55_when_too_much_waits_nothing_is_kept(door: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dagster_project.api.door.WAITING_BYTES", 10)
    busy = door.post(CALL)
    assert (busy.status_code, busy.headers["retry-after"], error_of(busy)["code"]) == (429, "1", "BUSY")
    assert all(frame.is_empty() for frame in door.landed())


# --- who may ask ----------------------------------------------------------------------------------------------------------------


def test_r53_keys_are_asked_for_and_their_scopes_hold(door: Opened) -> None:
    register = door.serving.register
    read_only = keys.create(register, "reader", ["usage:read"], NOW)
    spent = keys.create(register, "old", ["*"], NOW - timedelta(days=9), NOW - timedelta(days=1))
    gone = keys.create(register, "gone", ["*"], NOW)
    keys.revoke(register, keys.prefix_of(gone), NOW)
    said = {
        "Missing or invalid Authorization header. Use: Authorization: Bearer <api_key>": ["", "Basic x", "Bearer "],
        "Invalid API key": ["Bearer mk_live_" + "0" * 48, "Bearer x"],
        "API key has expired": [f"Bearer {spent}"],
        "API key has been revoked": [f"Bearer {gone}"],
        "API key does not have the required permission: usage:write": [f"Bearer {read_only}"],
    }
    # a door knows a new key within two seconds
    with TestClient(application(door.serving)) as client:
        for message, headers in said.items():
            for header in headers:
                answer = client.post("/v1/events", content=b"{}", headers={"authorization": header})
                assert error_of(answer)["message"] == message
                assert answer.status_code == (403 if "permission" in message else 401)
    assert all(frame.is_empty() for frame in door.landed())


def test_r53_the_register_holds_no_key(door: Opened, tmp_path: Path) -> None:
    key = door.auth["authorization"].removeprefix("Bearer ")
    assert door.post(CALL).status_code == 202
    content = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert key.encode() not in content
    assert key.removeprefix("mk_live_")[:8].encode() in content


def test_r54_what_is_not_here_is_said_in_the_same_shape(door: Opened) -> None:
    assert error_of(door.client.get("/v1/nothing"))["code"] == "NOT_FOUND"
    assert error_of(door.client.put("/v1/events"))["code"] == "METHOD_NOT_ALLOWED"
    unknown = door.batch([CALL], params={"atomc": "true"})
    assert "did you mean atomic?" in error_of(unknown)["message"]
    assert door.batch([CALL], params={"atomic": "yes"}).status_code == 400


def test_r51_health(door: Opened) -> None:
    assert door.client.get("/health/live").status_code == 200
    assert door.client.get("/health/ready").status_code == 200


def test_r51_events_are_taken_while_the_books_have_mistakes(tmp_path: Path) -> None:
    serving = served(tmp_path)
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "settings.yml").write_text("settings: {timezone: Mars}\n")
    key = keys.create(serving.register, "tests", ["*"], NOW)
    with TestClient(
        application(type(serving)(serving.warehouse, broken, serving.inbox, serving.register, serving.clock))
    ) as client:
        ready = client.get("/health/ready")
        assert (ready.status_code, "Mars" in error_of(ready)["message"]) == (503, True)
        answer = client.post("/v1/events", json=CALL, headers={"authorization": f"Bearer {key}"})
        assert answer.status_code == 202


def test_r51_events_are_taken_while_the_books_are_read_for_the_first_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    may_read, read_now = threading.Event(), BooksOfNow.refresh

    def read_later(books: BooksOfNow) -> None:
        assert may_read.wait(60)
        read_now(books)

    monkeypatch.setattr(BooksOfNow, "refresh", read_later)
    monkeypatch.setattr(server, "READING_SECONDS", 0.1)
    far_east = tmp_path / "books"
    shutil.copytree(ACME, far_east)
    stated = (far_east / "settings.yml").read_text()
    (far_east / "settings.yml").write_text(stated.replace("timezone: UTC", "timezone: Pacific/Kiritimati"))
    serving = replace(served(tmp_path), books=far_east)
    key = {"authorization": f"Bearer {keys.create(serving.register, 'tests', ['*'], NOW)}"}
    stranger = CALL | {"customer_id": "nobody"}
    with TestClient(application(serving)) as client:
        not_yet = client.get("/health/ready")
        assert (not_yet.status_code, error_of(not_yet)["code"]) == (503, "NOT_READY")
        taken = client.post("/v1/events", json=stranger, headers=key)
        assert (taken.status_code, "notices" in taken.json()) == (202, False)
        # a bare date is read in the zone of these books all the same: that day begins there in an hour
        assert client.post("/v1/events", json=CALL | {"timestamp": "2026-01-21"}, headers=key).status_code == 202
        may_read.set()
        until = time.monotonic() + 60
        while client.get("/health/ready").status_code != 200 and time.monotonic() < until:
            time.sleep(0.05)
        said = client.post("/v1/events", json=stranger, headers=key).json()
        assert [notice["code"] for notice in said["notices"]] == ["unknown_customer"]
        assert client.post("/v1/events", json=CALL | {"timestamp": "2026-01-21"}, headers=key).status_code == 202


# --- segments -------------------------------------------------------------------------------------------------------------------


def test_r58_a_write_that_fails_acknowledges_nothing_and_leaves_nothing(door: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    assert door.post(CALL).status_code == 202

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fdatasync", full)
        failed = door.post(CALL | {"idempotency_key": "lost"})
        assert (failed.status_code, error_of(failed)["code"]) == (503, "STORAGE")
    with monkeypatch.context() as patched:
        patched.setattr(segments, "LEAST_FREE_BYTES", 1 << 62)
        assert door.post(CALL | {"idempotency_key": "lost"}).status_code == 503
    assert door.post(CALL | {"idempotency_key": "call-2"}).status_code == 202
    events, lines = door.landed()
    assert events.sort("position").get_column("idempotency_key").to_list() == ["call-1", "call-2"]
    assert lines.is_empty()


def test_r58_a_disk_that_is_full_amid_a_line_leaves_whole_lines(door: Opened) -> None:
    assert door.post(CALL).status_code == 202
    [segment] = door.serving.inbox.rglob("*.part")
    usual = resource.getrlimit(resource.RLIMIT_FSIZE)
    # the system writes half of the next line, and refuses the rest
    resource.setrlimit(resource.RLIMIT_FSIZE, (segment.stat().st_size + 100, usual[1]))
    try:
        refused = door.batch([CALL | {"idempotency_key": f"lost-{nth}"} for nth in range(50)])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, usual)
    assert (refused.status_code, error_of(refused)["code"]) == (503, "STORAGE")
    assert door.post(CALL | {"idempotency_key": "call-2"}).status_code == 202
    events, quarantined = door.landed()
    assert sorted(events.get_column("idempotency_key")) == ["call-1", "call-2"]
    assert quarantined.is_empty()


def test_r59_a_segment_is_named_by_day_and_door_and_closes_by_age_and_on_request(tmp_path: Path) -> None:
    serving = served(tmp_path, segment_age_seconds=0.0)
    key = keys.create(serving.register, "tests", ["*"], NOW)
    with TestClient(application(serving)) as client:
        headers = {"authorization": f"Bearer {key}"}
        assert client.post("/v1/events", json=CALL, headers=headers).status_code == 202
        doors.close_segments(str(serving.inbox))
        [segment] = serving.inbox.rglob("*.ndjson")
        assert segment.relative_to(serving.inbox).parent.as_posix() == "api/2026/01/20"
        [line] = segment.read_text().splitlines()
        receipt, request_id, prefix = json.loads(line)["$door"].split(" ")
        assert datetime.fromisoformat(receipt).replace(tzinfo=None) >= NOW
        assert request_id.startswith("req_")
        assert prefix == keys.prefix_of(key)
    assert not list((serving.inbox / "api" / ".doors").iterdir())


def test_r59_what_a_dead_door_left_is_closed_as_far_as_it_is_whole(tmp_path: Path) -> None:
    folder = tmp_path / "api" / "2026" / "01" / "20"
    folder.mkdir(parents=True)
    (folder / "20260120T090000.000000Z-dead0001.ndjson.part").write_bytes(b'{"$door":"a b c","x":1}\n{"$door":"cut sh')
    (folder / "20260120T090000.000000Z-dead0002.ndjson.part").write_bytes(b'{"$door":"cut sh')
    (tmp_path / "api" / ".doors").mkdir()
    for door in ("dead0001", "dead0002"):
        (tmp_path / "api" / ".doors" / f"{door}.lock").touch()
    doors.close_segments(str(tmp_path))
    assert [path.name for path in folder.iterdir()] == ["20260120T090000.000000Z-dead0001.ndjson"]
    assert (folder / "20260120T090000.000000Z-dead0001.ndjson").read_bytes() == b'{"$door":"a b c","x":1}\n'


def test_r60_segments_of_others_are_read_wherever_the_field_stands(door: Opened) -> None:
    folder = door.serving.inbox / "api" / "2026" / "01" / "20"
    folder.mkdir(parents=True)
    receipt = "2026-01-20T08:59:59.000001Z"
    written = [
        json.dumps(CALL | {"$door": f"{receipt} req_1 abcdefgh"}),
        json.dumps({"$refused": "no customer", "raw": "{}", "$door": f"{receipt} req_2 abcdefgh"}),
        '{"$door":"' + receipt + ' req_3 abcdefgh", "event_name": "x", "customer_id": "c", "$more": 1}',
        "no json",
    ]
    (folder / "other.ndjson").write_text("\n".join(written) + "\n")
    # outside of api/ the field is like any other that is reserved
    (door.serving.inbox / "plain.ndjson").write_text(json.dumps(CALL | {"$door": f"{receipt} req_1 abcdefgh"}) + "\n")
    events, lines = door.landed()
    assert events.get_column("received_at").to_list() == [datetime(2026, 1, 20, 8, 59, 59, 1)]  # noqa: DTZ001
    found = dict(lines.select("position", "reason").filter(pl.col("position") > 1).iter_rows())
    assert found == {
        2: "no customer",
        3: "fields that begin with $ are reserved, rename them: $more",
        4: "the line is not valid JSON",
    }
    assert lines.filter(pl.col("file") == "plain.ndjson").height == 1


def test_r60_a_segment_of_the_future_waits(door: Opened) -> None:
    folder = door.serving.inbox / "api" / "2026" / "01" / "20"
    folder.mkdir(parents=True)
    later = NOW + timedelta(hours=2)
    (folder / "later.ndjson").write_text(json.dumps({"$door": f"{later:%Y-%m-%dT%H:%M:%S.%fZ} req_1 a"} | CALL) + "\n")
    assert all(frame.is_empty() for frame in door.landed())
    soon = NOW + timedelta(minutes=50)
    (folder / "soon.ndjson").write_text(json.dumps({"$door": f"{soon:%Y-%m-%dT%H:%M:%S.%fZ} req_1 a"} | CALL) + "\n")
    events, _ = door.landed()
    assert events.get_column("received_at").to_list() == [soon]


def test_landed_segments_go_after_their_time(door: Opened) -> None:
    assert door.post(CALL).status_code == 202
    door.landed()
    inbox, warehouse = door.serving.inbox, door.serving.warehouse
    segments.remove_landed(inbox, warehouse, NOW + timedelta(days=29), timedelta(days=30))
    assert list(inbox.rglob("*.ndjson"))
    segments.remove_landed(inbox, warehouse, NOW + timedelta(days=31), timedelta(days=30))
    assert not list(inbox.rglob("*.ndjson"))


# --- what it comes to ------------------------------------------------------------------------------------------------------------


def test_the_guides_150_calls_by_http_are_billed_at_425(door: Opened) -> None:
    """The invoice of the guide's step 6: four lines, from events as the application sends them."""
    mix = [("US", "resolved", 60), ("US", "transferred", 30), ("US", "escalated", 10), ("EU", "resolved", 50)]
    calls = [
        {
            "eventName": "ai_call",
            "customerId": "cust_210",
            "idempotencyKey": f"guide-{region}-{outcome}-{nth}",
            "timestamp": "2026-01-05T10:00:00Z",
            "properties": {"region": region, "call_outcome": outcome, "duration_minutes": 1},
        }
        for region, outcome, count in mix
        for nth in range(count)
    ]
    assert door.batch({"events": calls}).json()["count"] == 150
    run = Run(door.serving.warehouse, ACME, str(door.serving.inbox), door.serving.clock.now())
    assert launch(run).balanced
    lines = rows(
        run.warehouse,
        "select description, lines.quantity::integer as quantity, lines.amount::varchar as amount from marts.invoice_lines as lines "
        "inner join marts.invoices using (invoice_id) where contract_id = 'northwind-2026' and lines.kind = 'usage' order by line_no",
    )
    assert sorted(lines.rows()) == [
        ("AI Calls - EU / Resolved", 50, "125.0000"),
        ("AI Calls - US / Escalated", 10, "60.0000"),
        ("AI Calls - US / Resolved", 60, "120.0000"),
        ("AI Calls - US / Transferred", 30, "120.0000"),
    ]


def test_r62_an_event_waits_until_a_run_has_landed_it(door: Opened) -> None:
    reader = keys.create(door.serving.register, "reader", ["*"], NOW)
    with TestClient(application(door.serving)) as client:
        auth = {"authorization": f"Bearer {reader}", "content-type": "application/json"}
        for nth in range(2):
            assert (
                client.post("/v1/events", content=json.dumps(CALL | {"properties": {"nth": nth}}), headers=auth).status_code
                == 202
            )
        waiting = client.get("/v1/events/call-1", headers=auth).json()["data"]
        assert [(one["state"], one["position"], one["customerId"]) for one in waiting] == [
            ("waiting", 2, "cust_210"),
            ("waiting", 1, "cust_210"),
        ]
        run = Run(door.serving.warehouse, ACME, str(door.serving.inbox), door.serving.clock.now())
        assert launch(run).balanced
        landed = client.get("/v1/events/call-1", headers=auth).json()["data"]
        assert [one["state"] for one in landed] == ["bad_quantity", "superseded"]
        assert landed[0]["receivedAt"] == waiting[0]["receivedAt"]


def test_a_slow_body_is_given_up(door: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requests, "BODY_SECONDS", 0.0)
    answer = door.post(CALL)
    assert answer.status_code in (202, 408)
