"""The sample quarter of Acme AI is what its generator makes, and holds what its README promises."""

from __future__ import annotations

import json
from collections import Counter
from decimal import Decimal
from pathlib import Path

import pytest

from dagster_project.demo import sample_events

SAMPLE_EVENTS = Path(__file__).parents[2] / "contracts_data/acme_ai/sample_events"
WRITTEN_BY_HAND = {"2026-02-guide-batch.json", "2026-02-new-integration.jsonl", "2026-q1-platform.jsonl"}


def test_the_committed_files_are_what_the_generator_makes() -> None:
    committed = {path.name: path.read_text(encoding="utf-8") for path in SAMPLE_EVENTS.iterdir()}
    assert {name: text for name, text in committed.items() if name not in WRITTEN_BY_HAND} == sample_events.acme_events()
    assert set(committed) >= WRITTEN_BY_HAND


def test_writing_them_again_gives_the_same_bytes(tmp_path: Path) -> None:
    written = sample_events.write_acme_events(tmp_path / "new" / "folder")
    assert [path.read_bytes() for path in written] == [(SAMPLE_EVENTS / path.name).read_bytes() for path in written]


def test_another_seed_gives_another_quarter_with_the_same_keys() -> None:
    one, other = sample_events.acme_events(1), sample_events.acme_events(2)
    assert one != other
    assert {event["idempotency_key"] for event in _events(one)} == {event["idempotency_key"] for event in _events(other)}


def test_they_stay_small_enough_to_keep() -> None:
    assert sum(path.stat().st_size for path in SAMPLE_EVENTS.iterdir()) < 300_000


def test_generated_keys_are_distinct_and_moments_inside_their_month() -> None:
    for name, text in sample_events.acme_events().items():
        events = [json.loads(line) for line in text.splitlines()]
        assert len({event["idempotency_key"] for event in events}) == len(events)
        assert {event["timestamp"][:7] for event in events} == {name.removesuffix(".jsonl")}


def test_northwinds_january_is_the_guides_example() -> None:
    minutes: Counter[tuple[str, str]] = Counter()
    for event in _events(sample_events.acme_events()):
        if event["external_customer_id"] == "northwind" and event["timestamp"] < "2026-02":
            properties = event["properties"]
            minutes[properties["region"], properties["call_outcome"]] += properties["duration_minutes"]
    assert minutes == {("US", "resolved"): 60, ("US", "transferred"): 30, ("US", "escalated"): 10, ("EU", "resolved"): 50}


@pytest.mark.parametrize(
    ("customer", "name", "quantity", "expected"),
    [
        ("hobby-dan", "api_calls", "calls", "100"),
        ("paper-crane", "api_calls", "calls", "150"),
        ("lighthouse", "api_calls", "calls", "1000"),
        ("harbor", "api_calls", "calls", "5000"),
        ("harbor", "sms_sent", "messages", "5500"),
        ("harbor", "payment_collected", "amount", "10000.00"),
    ],
)
def test_self_serve_accounts_use_in_january_what_the_guides_use(customer: str, name: str, quantity: str, expected: str) -> None:
    amounts = [
        Decimal(event["properties"][quantity])
        for event in _events(sample_events.acme_events())
        if (event["external_customer_id"], event["event_name"]) == (customer, name)
        and event["timestamp"] < "2026-02"
        and event["properties"].get("environment") != "sandbox"
    ]
    assert sum(amounts) == Decimal(expected)
    assert min(amounts) > 0


def test_the_new_integration_breaks_one_line_and_repeats_two_keys() -> None:
    lines = (SAMPLE_EVENTS / "2026-02-new-integration.jsonl").read_text(encoding="utf-8").splitlines()
    whole = [json.loads(line) for line in lines if line.endswith("}")]
    assert len(lines) - len(whole) == 1
    keys = Counter(event.get("idempotency_key") or event["idempotencyKey"] for event in whole)
    assert {key: count for key, count in keys.items() if count > 1} == {"si-004": 3, "si-005": 2}


def _events(files: dict[str, str]) -> list[dict]:  # type: ignore[type-arg]
    return [json.loads(line) for text in files.values() for line in text.splitlines()]
