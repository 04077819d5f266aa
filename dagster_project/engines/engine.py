"""What a run asks of an engine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from dagster_project.warehouse.dbt_runner import DbtResult
from dagster_project.warehouse.paths import Warehouse
from rating.documents import Rated
from rating.shards import Shard


@dataclass(frozen=True, slots=True)
class LandedEvents:
    """What runs have landed that counts: rows of `files` up to landing `last_batch`, without those of the withdrawn contents.

    files: of raw_tables.EVENTS. withdrawn: file and file_hash of each (R-114).
    """

    files: tuple[Path, ...]
    last_batch: int
    withdrawn: tuple[tuple[str, str], ...] = ()


class Engine(Protocol):
    """Builds the models below the kernel, and rates shards."""

    @property
    def name(self) -> str: ...

    def is_built(self, warehouse: Warehouse) -> bool:
        """Whether what it built last is still there."""
        ...

    def build(self, warehouse: Warehouse, landed: Callable[[], LandedEvents], select: str, /) -> list[DbtResult]:
        """Build the selected models below the kernel and run their tests; work.duckdb has them all afterwards, as tables or views.

        The warehouse shows its sources in work.duckdb already; landed is for an engine that reads events elsewhere. As
        `DbtHouse.build`: what fails is a result.
        """
        ...

    def rate(self, shards: Sequence[Shard]) -> list[Rated]:
        """Rate shards; what each comes to, in their order. Raises `UserError` where that could not be done for want of something."""
        ...
