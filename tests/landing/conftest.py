"""A small inbox and a warehouse to land it in."""

# ruff: noqa: DTZ001  (instants are naive UTC)

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from dagster_project.landing import Landing, land, quarantine_files, raw_files
from dagster_project.warehouse.paths import Warehouse

NIGHT = datetime(2026, 2, 1)


@dataclass
class Bench:
    """An inbox that is filled by hand, and what landing makes of it."""

    inbox: Path
    warehouse: Warehouse

    def put(self, name: str, content: bytes | str) -> Path:
        path = self.inbox / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def put_lines(self, name: str, *events: Mapping[str, Any] | str) -> Path:
        return self.put(name, "".join((e if isinstance(e, str) else json.dumps(e)) + "\n" for e in events))

    def land(self, as_of: datetime = NIGHT, **options: Any) -> Landing:
        landing = land(str(self.inbox), self.warehouse, as_of, **options)
        assert all(file.lines == file.events + file.quarantined for file in landing.files)
        return landing

    def events(self) -> pl.DataFrame:
        return _read(raw_files(self.warehouse))

    def quarantine(self) -> pl.DataFrame:
        return _read(quarantine_files(self.warehouse))

    def reasons(self) -> list[str]:
        return self.quarantine()["reason"].to_list()

    def contents(self) -> list[tuple[Any, ...]]:
        """What landed, whatever its order and file."""
        columns = (
            "event_name",
            "customer_id",
            "external_customer_id",
            "idempotency_key",
            "timestamp",
            "tombstone",
            "properties",
        )
        return sorted(self.events().select(columns).rows(), key=repr)

    def files(self) -> dict[str, bytes]:
        """Every byte under what is only ever appended to."""
        roots = (self.warehouse.raw_events, self.warehouse.quarantine, self.warehouse.landings)
        paths = sorted(path for root in roots for path in root.rglob("*") if path.is_file())
        return {path.relative_to(self.warehouse.root).as_posix(): path.read_bytes() for path in paths}


def _read(paths: list[Path]) -> pl.DataFrame:
    return pl.concat([pl.read_parquet(path) for path in paths]) if paths else pl.DataFrame()


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    (tmp_path / "inbox").mkdir()
    return Bench(tmp_path / "inbox", Warehouse(tmp_path / "warehouse"))


@pytest.fixture
def new_bench(tmp_path_factory: pytest.TempPathFactory) -> Any:
    def make() -> Bench:
        root = tmp_path_factory.mktemp("bench")
        (root / "inbox").mkdir()
        return Bench(root / "inbox", Warehouse(root / "warehouse"))

    return make
