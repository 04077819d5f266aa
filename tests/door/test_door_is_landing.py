"""The door accepts an event if and only if it lands, and what it refuses stands in quarantine with the same sentence (R-58)."""

from __future__ import annotations

import json
import shutil
import tempfile
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dagster_project import landing
from dagster_project.api.door import Taking, _judged, _keys_given, _written
from dagster_project.landing.validation import Judge
from dagster_project.warehouse.paths import Warehouse

RECEIPT = datetime(2026, 1, 20, 9)  # noqa: DTZ001 - naive UTC throughout
NAMES = st.sampled_from(
    ["event_name", "eventName", "customer_id", "customerId", "external_customer_id", "contract_id", "idempotency_key",
     "idempotencyKey", "timestamp", "properties", "tombstone", "received_at", "$set", "$door", "note", 'no"te', "no\\te", ""]
)  # fmt: skip
NUMBERS = st.sampled_from(["0", "-0", "1.10", "1e3", "12345678901234567890.123", "1e400", "01", "NaN", "0.1e-7", "9" * 40])
TEXTS = st.sampled_from(
    ["", "a", "ai_call", "cust_210", "2026-01-20T09:30:00Z", "2026-01-20T10:00:01Z", "2026-01-20T11:00:00+01:00", "2026-01-20", "soon",
     "1768899600", "ünïcode", "two\nlines", 'quo"te', "back\\slash", "\u2028", "x" * 300]
)  # fmt: skip
SCALARS = st.one_of(NUMBERS, TEXTS.map(json.dumps), st.sampled_from(["true", "false", "null"]))
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda values: f"[{','.join(values)}]"),
        st.lists(st.tuples(TEXTS.map(json.dumps), inner), max_size=3).map(
            lambda members: "{" + ",".join(f"{name}: {value}" for name, value in members) + "}"
        ),
    ),
    max_leaves=5,
)
MEMBERS = st.tuples(NAMES.map(json.dumps), VALUES)
GOOD = [
    ('"event_name"', '"ai_call"'),
    ('"customer_id"', '"cust_210"'),
    ('"timestamp"', '"2026-01-20T08:00:00Z"'),
    ('"properties"', '{"region": "US", "duration_minutes": 1.50}'),
]
EVENTS = st.one_of(
    st.lists(MEMBERS, max_size=4).map(lambda more: GOOD + more),
    st.lists(MEMBERS, max_size=7),
    st.lists(MEMBERS, max_size=3).map(lambda more: GOOD[:2] + more),
).map(lambda members: "{" + ", ".join(f"{name}: {value}" for name, value in members) + "}")


@pytest.fixture(scope="module")
def judge() -> Any:
    return Judge(RECEIPT, "UTC")


def agrees(judge: Judge, events: list[bytes]) -> None:
    verdicts = _judged(judge, events, RECEIPT)
    keys = _keys_given(verdicts)
    lines = _written(Taking(events, "req_1", "abcdefgh"), verdicts, keys, RECEIPT)
    folder = Path(tempfile.mkdtemp(prefix="meterhouse-door-"))
    try:
        segment = folder / "inbox" / "api" / "2026" / "01" / "20" / "a.ndjson"
        segment.parent.mkdir(parents=True)
        segment.write_bytes(b"\n".join(lines) + b"\n")
        warehouse = Warehouse(folder / "warehouse")
        landed = landing.land(str(folder / "inbox"), warehouse, RECEIPT + timedelta(minutes=1))
        accepted = [place for place, reason in enumerate(verdicts.reasons, 1) if reason is None]
        assert (landed.events, landed.quarantined) == (len(accepted), len(events) - len(accepted))
        if accepted:
            found = pl.concat([pl.read_parquet(file) for file in landing.raw_files(warehouse)]).sort("position")
            assert found.get_column("position").to_list() == accepted
            assert found.get_column("idempotency_key").to_list() == [key for key in keys if key is not None]
            assert found.get_column("received_at").unique().to_list() == [RECEIPT]
            # as the same event lands from a file, but for the key and the time that were given to it
            (folder / "plain").mkdir()
            (folder / "plain" / "a.ndjson").write_bytes(b"\n".join(events[place - 1] for place in accepted) + b"\n")
            plain = Warehouse(folder / "plain_warehouse")
            landing.land(str(folder / "plain"), plain, RECEIPT)
            same = ["event_name", "customer_id", "external_customer_id", "contract_id", "timestamp", "tombstone", "properties"]
            alike = pl.concat([pl.read_parquet(file) for file in landing.raw_files(plain)]).sort("position")
            assert found.select(same).rows() == alike.select(same).rows()
        if len(accepted) < len(events):
            refused = pl.concat([pl.read_parquet(file) for file in landing.quarantine_files(warehouse)]).sort("position")
            assert refused.get_column("reason").to_list() == [reason for reason in verdicts.reasons if reason is not None]
            assert refused.get_column("raw").to_list() == [
                events[place - 1].decode("utf-8", "replace") for place in refused.get_column("position")
            ]
    finally:
        shutil.rmtree(folder)


@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(events=st.lists(EVENTS, min_size=1, max_size=40))
def test_r58_accepted_if_and_only_if_it_lands(judge: Judge, events: list[str]) -> None:
    agrees(judge, [event.encode() for event in events])


@pytest.mark.full
@settings(max_examples=2_500, deadline=None, suppress_health_check=list(HealthCheck))
@given(events=st.lists(EVENTS, min_size=30, max_size=60))
def test_r58_accepted_if_and_only_if_it_lands_at_length(judge: Judge, events: list[str]) -> None:
    agrees(judge, [event.encode() for event in events])
