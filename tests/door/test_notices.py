"""Notices (R-61): what the books of now would make of an event, at once; and what a run then makes of it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from dagster_project.checks.notices import Notices
from dagster_project.cli.launch import launch
from dagster_project.pipeline.run import Run
from dagster_project.warehouse.database import connect, fetch
from dagster_project.warehouse.paths import Warehouse
from rating import books
from tests.door.conftest import ACME, CALL, NOW, Opened
from tests.shell.test_a_night import rows

PROPERTIES = CALL["properties"]


def codes(door: Opened, **changes: Any) -> list[str]:
    said = door.post(CALL | changes).json()
    return [one["code"] for one in said.get("notices", [])]


@pytest.fixture(scope="module")
def notices() -> Notices:
    return Notices.of(books.load(ACME))


def message(notices: Notices, code: str, **changes: Any) -> str:
    event: Mapping[str, Any] = {**CALL, "timestamp": datetime(2026, 1, 19), **changes}  # noqa: DTZ001
    [found] = [one.message for one in notices.about(event, NOW) if one.code == code]
    return found


def test_nothing_is_said_of_an_event_that_is_billed_as_it_is(door: Opened) -> None:
    said = door.post(CALL | {"properties": PROPERTIES | {"agent_id": "a1"}}).json()
    assert "notices" not in said
    assert "notices" not in door.post(CALL | {"customer_id": "nobody"}, params={"notices": "none"}).json()


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"customer_id": "cust_211"}, "unknown_customer"),
        ({"timestamp": "2019-01-01T00:00:00Z"}, "no_active_contract"),
        ({"event_name": "ai_calls"}, "no_meter"),
        ({"contract_id": "acme-2026"}, "no_active_contract"),
        ({"properties": {"region": "US", "call_outcome": "resolved", "duration_seconds": 60}}, "bad_quantity"),
        ({"properties": PROPERTIES | {"region": "us"}}, "fallback_price"),
        ({"properties": {"call_outcome": "resolved", "duration_minutes": 1}}, "missing_dimension"),
        ({"properties": {"Region": "US", "callOutcome": "resolved", "duration_minutes": 1}}, "near_miss"),
    ],
)
def test_what_will_not_be_billed_as_meant_is_said_at_once(door: Opened, changes: dict[str, Any], expected: str) -> None:
    assert expected in codes(door, **changes)


def test_sentences_name_what_was_probably_meant(notices: Notices) -> None:
    assert "`cust_210` is" in message(notices, "unknown_customer", customer_id="cust_2100")
    assert "`ai_call` is" in message(notices, "no_meter", event_name="ai_cal")
    assert message(notices, "bad_quantity", properties={"duration_seconds": 60}) == (
        "AI_CALL sums `duration_minutes`; the event has `duration_seconds`."
    )
    assert "(`us` looks like `US`)" in message(notices, "fallback_price", properties=PROPERTIES | {"region": "us"})
    event = {**CALL, "timestamp": NOW, "properties": {"Region": "US", "callOutcome": "resolved", "duration_minutes": 1}}
    assert {one.message for one in notices.about(event, NOW) if one.code == "near_miss"} == {
        "`Region` looks like the group key `region` of AI_CALL.",
        "`callOutcome` looks like the group key `call_outcome` of AI_CALL.",
    }


def test_a_batch_counts_them_with_an_example(door: Opened) -> None:
    events = [CALL | {"idempotency_key": f"k-{nth}"} for nth in range(4)]
    events[1] |= {"customer_id": "x"}
    events[3] |= {"customer_id": "y"}
    said = {one["code"]: one for one in door.batch(events).json()["notices"]}
    assert said["unknown_customer"]["count"] == 2
    assert said["unknown_customer"]["example"]["index"] == 1


def test_the_guides_troubleshooting_is_said_at_once_and_billed_at_the_fallback(door: Opened) -> None:
    """Wrong names, wrong case, a missing dimension: 4.00 each, as the guide says, and the door says why before."""
    wrong = [
        {"Region": "US", "callOutcome": "resolved"},
        {"region": "us", "call_outcome": "resolved"},
        {"region": "US"},
    ]
    for nth, properties in enumerate(wrong):
        said = codes(door, idempotency_key=f"w-{nth}", properties=properties | {"duration_minutes": 1})
        assert set(said) & {"near_miss", "fallback_price", "missing_dimension"}
    run = Run(door.serving.warehouse, ACME, str(door.serving.inbox), door.serving.clock.now())
    assert launch(run).balanced
    query = """
        select lines.rate_source, lines.amount::varchar as amount
        from marts.invoice_lines as lines inner join marts.invoices using (invoice_id)
        where contract_id = 'northwind-2026' and meter_code = 'AI_CALL'
    """
    assert rows(run.warehouse, query).rows() == [("fallback", "4.0000")] * 3


def test_every_event_of_the_sample_quarter_is_foretold_as_the_run_finds_it(notices: Notices, tmp_path: Path) -> None:
    """Who is unknown, has no contract or no meter is what the next run says too, event by event."""
    run = Run(Warehouse(tmp_path / "warehouse"), ACME, str(ACME / "sample_events"), datetime(2026, 4, 10))  # noqa: DTZ001
    assert launch(run).balanced
    with connect(run.warehouse.work_database, read_only=True) as work:
        found = fetch(
            work,
            """
            select raw.*, events.disposition
            from intermediate.int_event_dispositions as events
            inner join raw.events as raw using (file, position, element)
            where events.disposition not in ('superseded', 'voided', 'too_late')
            """,
        )
    foretold = {"unknown_customer", "no_active_contract", "ambiguous_contract", "no_meter"}
    for row in found.iter_rows(named=True):
        if row["tombstone"]:
            continue
        properties = msgspec.json.decode(row["properties"]) if row["properties"] else {}
        said = {one.code for one in notices.about({**row, "properties": properties}, NOW)}
        disposition = row["disposition"]
        assert said & foretold <= {disposition}, (row, said)
        # a filter of a meter is read by the models alone
        assert disposition not in foretold - {"no_meter"} or disposition in said, (row, said)
