"""Great Expectations starts a process of its own for every run, which takes longer than the run: few tests have it look on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from dagster_project.checks.expectations.client import ExpectationClient

_WARM_UP, _EXAMINE = ExpectationClient.warm_up, ExpectationClient.examine


def leave_out(patch: pytest.MonkeyPatch) -> None:
    """Have runs of this process expect nothing."""
    patch.setattr(ExpectationClient, "warm_up", lambda _: None)
    patch.setattr(ExpectationClient, "examine", lambda *_: [])


@contextmanager
def looking_on() -> Iterator[None]:
    """Have runs examined after all."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ExpectationClient, "warm_up", _WARM_UP)
        patch.setattr(ExpectationClient, "examine", _EXAMINE)
        yield
