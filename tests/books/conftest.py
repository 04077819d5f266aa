"""A good set of books to copy and spoil."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from rating.books import BooksError, load

GOOD = Path(__file__).parent / "good"


@pytest.fixture
def good(tmp_path: Path) -> Path:
    """A copy of the good books."""
    return Path(shutil.copytree(GOOD, tmp_path / "books"))


@pytest.fixture
def problems_of() -> Callable[[Path], list[str]]:
    """The sentences that a folder of books is refused with; none where it loads."""

    def sentences(folder: Path) -> list[str]:
        try:
            load(folder)
        except BooksError as error:
            return [str(problem) for problem in error.problems]
        return []

    return sentences
