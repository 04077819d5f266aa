"""This machine: DuckDB builds the models, processes rate the shards."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from dagster_project.engines import processes
from dagster_project.engines.engine import LandedEvents
from dagster_project.warehouse.dbt_runner import DbtHouse, DbtResult
from dagster_project.warehouse.paths import Warehouse
from rating.documents import Rated
from rating.shards import Shard


class Local:
    """The engine of a run that names none."""

    name = "local"

    def is_built(self, warehouse: Warehouse) -> bool:
        return warehouse.work_database.exists()

    def build(self, warehouse: Warehouse, _: Callable[[], LandedEvents], select: str) -> list[DbtResult]:
        return DbtHouse(warehouse).build(select)

    def rate(self, shards: Sequence[Shard]) -> list[Rated]:
        return processes.rate_all(shards)
