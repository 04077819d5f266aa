"""The LLM trace as events is the whole trace. Skipped where the trace is not at hand."""

from __future__ import annotations

import json
from collections import Counter
from decimal import Decimal
from pathlib import Path

import pytest

from dagster_project.demo import sample_events
from tests.samples import llm_by_hand

pytestmark = pytest.mark.skipif(
    not llm_by_hand.TRACE.is_file(),
    reason="AzureLLMInferenceTrace_conv.csv of the Azure public dataset is not here: set METERHOUSE_LLM_TRACE to its path",
)


def test_every_request_is_one_event_and_the_tokens_agree_with_the_hand_count(tmp_path: Path) -> None:
    path = sample_events.write_llm_requests(llm_by_hand.TRACE, tmp_path / "inbox")
    events = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert len({event["idempotency_key"] for event in events}) == len(events) == 19_366

    contracts = {"chat_app": "chat-app-2023", "support_desk": "support-desk-2023"}
    tokens: Counter[tuple[str, str, str]] = Counter()
    for event in events:
        properties = event["properties"]
        for meter, key in (("INPUT_TOKENS", "input_tokens"), ("OUTPUT_TOKENS", "output_tokens")):
            tokens[contracts[event["customer_id"]], meter, properties["daypart"]] += properties[key]
    assert tokens == {key: quantity for key, (quantity, _) in llm_by_hand.november_lines().items()}


def test_the_lines_by_hand() -> None:
    lines = llm_by_hand.november_lines()
    quantity, amount = lines["support-desk-2023", "OUTPUT_TOKENS", "peak"]
    assert amount == (quantity * Decimal("0.00001377")).quantize(Decimal("0.01"))
    assert len(lines) == 8
