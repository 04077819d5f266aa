"""A warehouse with a history, to be disturbed: two nights of Acme AI are over, the files of the third lie in the inbox.

The third night lands new events, some of them late, issues the invoices of February and an adjustment of January, draws on
grants, closes January, leaves draft adjustments behind, and puts lines into quarantine.
"""

from __future__ import annotations

import gzip
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from dagster_project.demo import sample_events
from dagster_project.landing import landings, quarantine_files, raw_files
from dagster_project.warehouse.paths import Warehouse
from tests.faults.nursery import Ended, Nursery
from tests.nights import warehouses

ACME = Path(__file__).parents[2] / "contracts_data" / "acme_ai"
NIGHTS = ("2026-02-05T06:00:00Z", "2026-02-20T06:00:00Z", "2026-03-05T06:00:00Z")
RERATE_DAYS = "rerate_days: 30"  # January closes between the second night and the third


@dataclass(frozen=True)
class House:
    """Books, inbox and warehouse in one folder."""

    folder: Path

    @property
    def books(self) -> Path:
        return self.folder / "books"

    @property
    def inbox(self) -> Path:
        return self.folder / "inbox"

    @property
    def warehouse(self) -> Warehouse:
        return Warehouse(self.folder / "warehouse")

    def night(self, number: int) -> list[object]:
        """What is typed for the n-th night."""
        places = ["--books", self.books, "--inbox", self.inbox, "--warehouse", self.warehouse.root]
        return ["run", *places, "--as-of", NIGHTS[number - 1]]

    def copy(self, folder: Path) -> House:
        """The same, to be disturbed."""
        shutil.copytree(self.folder, folder)
        return House(folder)


def two_nights(nursery: Nursery, folder: Path) -> House:
    """A house after two nights, with the files of the third in its inbox."""
    house = House(folder)
    shutil.copytree(ACME, house.books, ignore=shutil.ignore_patterns("sample_events"))
    settings = house.books / "settings.yml"
    settings.write_text(settings.read_text().replace("rerate_days: 90", RERATE_DAYS))
    house.inbox.mkdir(parents=True)
    january, february = (sample_events.acme_events()[f"2026-{month}.jsonl"].splitlines(keepends=True) for month in ("01", "02"))
    in_time, late, too_late = (
        [line for n, line in enumerate(january) if n % 10 in which] for which in (range(2, 10), [1], [0])
    )
    (house.inbox / "january.jsonl").write_text("".join(in_time))
    _lived(nursery, house, 1)
    (house.inbox / "late.jsonl").write_text("".join(late + february[:150:3]))
    _lived(nursery, house, 2)
    (house.inbox / "february.jsonl.gz").write_bytes(gzip.compress("".join(february).encode(), mtime=0))
    (house.inbox / "very_late.jsonl").write_text("".join(too_late))
    shutil.copy(ACME / "sample_events" / "2026-02-new-integration.jsonl", house.inbox)
    return house


def _lived(nursery: Nursery, house: House, night: int) -> Ended:
    ended = nursery.run(*house.night(night))
    assert ended.code == 0, ended.said
    return ended


def left_behind(house: House) -> dict[str, Any]:
    """All that a run leaves for people and for the next run: tables row by row, issued files byte by byte, landed rows."""
    warehouse = house.warehouse
    landed = {"raw_events": raw_files(warehouse), "quarantine": quarantine_files(warehouse)}
    for schema, files in landed.items():
        written = {path for path in (warehouse.root / schema).rglob("*") if path.is_file()}
        assert written == set(files), "files that no landing names"
    return {
        **{f"marts.{table}": rows for table, rows in warehouses.every_mart(warehouse.root).items()},
        "issued": warehouses.issued(warehouse.root),
        "landings": [(landing.batch, landing.as_of, landing.files) for landing in landings(warehouse)],
        **{schema: _rows(files) for schema, files in landed.items()},
        "pending": {file.name: _rows([file]) for file in sorted(warehouse.pending.glob("*.parquet"))},
    }


def _rows(files: list[Path]) -> list[tuple[Any, ...]]:
    return sorted((row for file in files for row in pl.read_parquet(file, hive_partitioning=False).rows()), key=repr)


def differences(found: dict[str, Any], expected: dict[str, Any]) -> list[str]:
    """Names of what is not the same."""
    return sorted(name for name in found.keys() | expected.keys() if found.get(name) != expected.get(name))
