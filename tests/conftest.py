"""What holds for all tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests import examination

# the same cases every time: a test that fails fails for everybody. The long versions (make test-full) take new ones each time
settings.register_profile("the same for everybody", derandomize=True)
settings.load_profile("the same for everybody")


@pytest.fixture(scope="session", autouse=True)
def _examined_by_nobody() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        examination.leave_out(patch)
        yield
