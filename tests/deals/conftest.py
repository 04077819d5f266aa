"""A desk on a copy of the sample books, with Salesforce's tables that a test may change."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pytest

from dagster_project.deals.desk import Desk
from dagster_project.deals.drafting import Draft, draft
from dagster_project.deals.rows import deals_of
from dagster_project.deals.salesforce import read
from dagster_project.register import place, store
from dagster_project.warehouse.paths import Warehouse

ACME = Path(__file__).parents[2] / "contracts_data" / "acme_ai"
NOW = datetime(2026, 4, 6, 9)  # noqa: DTZ001 - naive UTC throughout
UMBRA, VELA, WREN, ACME_UPSELL, MEGA, XENON, YARROW, ZEPHYR, ASTER, BRIAR, CALLA, DAHLIA = (
    f"006Hs00001{number:05d}IAA" for number in range(1, 13)
)
ADA, BEN = "ada@acme.ai", "ben@acme.ai"
Rows = list[dict[str, str]]


@dataclass
class Office:
    """A desk, its books and its Salesforce tables."""

    desk: Desk
    books: Path
    tables: Path

    def change(self, name: str, change: Callable[[Rows], object]) -> None:
        """Change a table's rows in place."""
        file = self.tables / f"{name}.csv"
        with file.open(newline="") as opened:
            rows = list(csv.DictReader(opened))
        change(rows)
        with file.open("w", newline="") as opened:
            writer = csv.DictWriter(opened, list(dict.fromkeys(name for row in rows for name in row)), lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)

    def draft(self, opportunity: str) -> Draft:
        """The draft of an opportunity as the tables have it."""
        return self.draft_of(str(self.tables), opportunity)

    def draft_of(self, tables: str, opportunity: str) -> Draft:
        books = self.desk.books()
        assert books.deals is not None
        [rows] = [one for one in deals_of(read(tables), books.deals.take) if one.opportunity == opportunity]
        from dagster_project.deals.drafting import Touched

        return draft(rows, books.deals, books, Touched())

    def approve(self, opportunity: str, by: str = ADA, **more: str) -> str:
        review = self.desk.review(opportunity)
        return self.desk.approve(opportunity, review.hash, by, "as agreed", NOW, **more)


def row_of(rows: Rows, **which: str) -> dict[str, str]:
    """The one row with these values."""
    [found] = [row for row in rows if all(row[name] == value for name, value in which.items())]
    return found


@pytest.fixture
def office(tmp_path: Path) -> Office:
    books = tmp_path / "books"
    shutil.copytree(ACME, books, ignore=shutil.ignore_patterns("sample_events", "salesforce"))
    shutil.copytree(ACME / "salesforce", tmp_path / "salesforce")
    warehouse = Warehouse(tmp_path / "warehouse")
    register = store.opened(place.location_of(warehouse))
    return Office(Desk(books, register, warehouse, str(tmp_path / "salesforce"), "files"), books, tmp_path / "salesforce")
