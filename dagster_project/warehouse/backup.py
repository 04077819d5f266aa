"""A copy of a warehouse from which everything else can be built again, taken while doors and runs go on.

What is appended refers only to what was there before it, so what refers is copied first: documents, then landings, then events, and the
register at the end. A run that ends meanwhile is in the copy whole or as far as its landing.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from dagster_project.errors import UserError
from dagster_project.warehouse.files import publish_atomically, remove
from dagster_project.warehouse.paths import REGISTER, Warehouse


def back_up(warehouse: Warehouse, place: Path, progress: Callable[[str], None]) -> int:
    """Copy a warehouse to a new folder, which appears whole or not at all; the number of files. Raises `UserError` where it cannot."""
    if not warehouse.root.is_dir():
        raise UserError(f"There is no warehouse at {warehouse.root}. Name one with --warehouse.")
    if place.exists():
        raise UserError(f"{place} is there already. Name a folder that is not: a backup never writes over another.")
    building = place.with_name(f".{place.name}.tmp")
    remove(building)
    building.mkdir(parents=True)
    count = 0
    for folder in (
        warehouse.issued,
        warehouse.unmatched,
        warehouse.contents,
        warehouse.withdrawn,
        warehouse.acknowledged,
        warehouse.landings,
        warehouse.raw_events,
        warehouse.quarantine,
    ):
        progress(f"Copying {folder.name}")
        count += _copied(folder, building / folder.name)
    if (register := warehouse.root / REGISTER).exists():
        progress("Copying the register")
        _copy_database(register, building / REGISTER)
        count += 1
    publish_atomically(building, place)
    return count


def _copied(folder: Path, place: Path) -> int:
    """Copy what counts; what a run is still writing has a name that begins with a dot, or is gone when it is done."""
    count = 0
    for file in sorted(folder.rglob("*")):
        inner = file.relative_to(folder)
        if any(part.startswith(".") for part in inner.parts) or not file.is_file():
            continue
        copy = place / inner
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(file, copy)
        count += 1
    return count


def _copy_database(source: Path, place: Path) -> None:
    """SQLite's own way: a whole state, whatever is written meanwhile."""
    with closing(sqlite3.connect(f"file:{source}?mode=ro", uri=True)) as held, closing(sqlite3.connect(place)) as copy:
        held.backup(copy)
