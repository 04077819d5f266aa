"""The books that come with the house are books without a mistake."""

from __future__ import annotations

from pathlib import Path

import pytest

from rating.books import load

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("folder", ["contracts_data/acme_ai", "contracts_data/airport", "tests/samples/llm_books"])
def test_the_books_load(folder: str) -> None:
    load(ROOT / folder)
