"""Books that a run has read are not read again while they are the same; anything else is."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from polars.testing import assert_frame_equal

from dagster_project.warehouse import books_cache
from dagster_project.warehouse.paths import Warehouse
from rating import books, tables

ACME = Path(__file__).resolve().parents[2] / "contracts_data" / "acme_ai"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(ACME, tmp_path / "books", ignore=shutil.ignore_patterns("sample_events")))


@pytest.fixture
def warehouse(tmp_path: Path, folder: Path) -> Warehouse:
    """A warehouse that remembers the books of `folder`."""
    made = Warehouse(tmp_path / "warehouse")
    made.books.mkdir(parents=True)
    read = books.load(folder)
    for table in tables.BOOKS_TABLES:
        getattr(read, table.name).write_parquet(made.books / f"{table.name}.parquet")
    books_cache.remember(made, read)
    return made


def test_what_is_recalled_is_what_was_read(warehouse: Warehouse, folder: Path) -> None:
    recalled, read = books_cache.recall(warehouse, folder), books.load(folder)
    assert recalled is not None
    for table in tables.BOOKS_TABLES:
        assert_frame_equal(getattr(recalled, table.name), getattr(read, table.name))
    assert (recalled.version, recalled.files) == (read.version, read.files)
    assert (recalled.settings, recalled.warnings) == (read.settings, read.warnings)


def test_books_that_changed_are_not_recalled(warehouse: Warehouse, folder: Path) -> None:
    some = next(folder.rglob("*.yml"))
    some.write_text(some.read_text() + "\n# a word more\n")
    assert books_cache.recall(warehouse, folder) is None


def test_a_file_that_came_or_went_is_noticed(warehouse: Warehouse, folder: Path) -> None:
    (folder / "more.yml").write_text("customers: []\n")
    assert books_cache.recall(warehouse, folder) is None
    (folder / "more.yml").unlink()
    assert books_cache.recall(warehouse, folder) is not None
    next(folder.rglob("*.yml")).unlink()
    assert books_cache.recall(warehouse, folder) is None


@pytest.mark.parametrize("damaged", ["books.json", "books/pricings.parquet"])
def test_a_damaged_memory_is_passed_over(warehouse: Warehouse, folder: Path, damaged: str) -> None:
    path = warehouse.derived / damaged
    path.write_bytes(path.read_bytes()[:-9] + b"x" * 9)
    assert books_cache.recall(warehouse, folder) is None
    path.unlink()
    assert books_cache.recall(warehouse, folder) is None
