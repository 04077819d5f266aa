"""One nursery and one house with a history for all tests of a process."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from tests.faults.nights import House, differences, left_behind, two_nights
from tests.faults.nursery import Ended, Nursery

LAST = 3


@dataclass(frozen=True)
class Undisturbed:
    """The third night as it should be: what it leaves behind, how long it takes, and every change of the warehouse in order."""

    left: dict[str, Any]
    seconds: float
    changes: list[str]


@dataclass(frozen=True)
class Disturbed:
    """A house in which the third night goes wrong."""

    house: House
    nursery: Nursery
    undisturbed: Undisturbed

    def night(self, fault: list[object] | None = None, *, kill_after: float | None = None) -> Ended:
        """The third night, and what happens to it."""
        return self.nursery.start(*self.house.night(LAST), fault=fault).ended(kill_after)

    def again(self, folder: Path) -> Disturbed:
        """The same house once more, as it is now, in another folder."""
        return replace(self, house=self.house.copy(folder))

    def differences(self) -> list[str]:
        """Names of what is not as the undisturbed night leaves it."""
        return differences(left_behind(self.house), self.undisturbed.left)

    def heals(self) -> None:
        """The third night again: it succeeds, and leaves what it would have left undisturbed."""
        ended = self.night()
        assert ended.code == 0, ended.said
        assert self.differences() == []

    def is_refused(self, ended: Ended, *says: str, code: int = 2) -> None:
        """The night ended with sentences that say all that, no trace, and nothing issued."""
        assert ended.code == code, ended.said
        assert "Traceback" not in ended.said
        assert "Stack Trace" not in ended.said
        for words in says:
            assert words in ended.said
        assert len(list(self.house.warehouse.issued.iterdir())) == LAST - 1


@pytest.fixture(scope="session")
def nursery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nursery]:
    made = Nursery(tmp_path_factory.mktemp("said"))
    yield made
    made.close()


@pytest.fixture(scope="session")
def before(nursery: Nursery, tmp_path_factory: pytest.TempPathFactory) -> House:
    """The house before the third night; copy it."""
    return two_nights(nursery, tmp_path_factory.mktemp("before") / "house")


@pytest.fixture(scope="session")
def undisturbed(nursery: Nursery, before: House, tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    folder = tmp_path_factory.mktemp("undisturbed")
    house = before.copy(folder / "house")
    start = time.monotonic()
    ended = nursery.run(*house.night(LAST), fault=["recorded", str(house.warehouse.root), str(folder / "changes")])
    assert ended.code == 0, ended.said
    changes = (folder / "changes").read_text().splitlines()
    return Undisturbed(left_behind(house), time.monotonic() - start, changes)


@pytest.fixture
def disturbed(before: House, nursery: Nursery, undisturbed: Undisturbed, tmp_path: Path) -> Disturbed:
    return Disturbed(before.copy(tmp_path / "house"), nursery, undisturbed)
