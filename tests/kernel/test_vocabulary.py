"""Words that tables hold stand in one place: what dbt accepts is what the vocabulary says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from rating import vocabulary

MODELS = Path(__file__).parents[2] / "dbt" / "models"


def accepted(model: str, column: str) -> set[str]:
    """What dbt's `accepted_values` allows of a column."""
    for file in MODELS.rglob("_*.yml"):
        for described in yaml.safe_load(file.read_text(encoding="utf-8")).get("models", []):
            if described["name"] != model:
                continue
            tests: list[Any] = next(one for one in described["columns"] if one["name"] == column).get("data_tests", [])
            return next(set(test["accepted_values"]["arguments"]["values"]) for test in tests if "accepted_values" in test)
    raise AssertionError(f"{model}.{column} is not described")


@pytest.mark.parametrize(
    ("model", "column", "words"),
    [
        ("invoices", "kind", vocabulary.INVOICE_KINDS),
        ("invoices", "status", vocabulary.INVOICE_STATUSES),
        ("credit_ledger", "type", vocabulary.ENTRY_TYPES),
        ("reconciliation", "disposition", vocabulary.DISPOSITIONS),
    ],
)
def test_dbt_accepts_the_words_of_the_vocabulary(model: str, column: str, words: tuple[str, ...]) -> None:
    assert accepted(model, column) == set(words)
