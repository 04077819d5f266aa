"""Every folder here is a story: books, events and runs go in, and the marts must say what its `expected/` says. See README.md."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.scenarios import pipeline, story
from tests.scenarios.comparison import differences


@pytest.mark.parametrize("name", story.names())
def test_story(name: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    told = story.read(name)
    if told.xfail:
        request.applymarker(pytest.mark.xfail(reason=told.xfail, raises=AssertionError, strict=True))
    books, inbox, warehouse = (tmp_path / place for place in ("books", "inbox", "warehouse"))
    inbox.mkdir()
    found: list[str] = []
    for number, night in enumerate(told.nights, 1):
        story.deliver(night, books, inbox)
        if night.refused is None:
            held_back = pipeline.run(books, inbox, warehouse, night.as_of, issue=night.issue)
            assert bool(held_back) == bool(night.held_back), held_back
            assert night.held_back is None or night.held_back in held_back
        else:
            with pytest.raises(pipeline.Refused, match=night.refused):
                pipeline.run(books, inbox, warehouse, night.as_of, issue=night.issue)
        if night.expected is not None:
            found += [f"after run {number} ({night.as_of}): {text}" for text in differences(night.expected, warehouse)]
    assert not found, "\n" + "\n".join(found)
