"""`meterhouse backup`: a copy of everything that cannot be built again."""

from __future__ import annotations

from pathlib import Path

from dagster_project.cli.screen import screen
from dagster_project.warehouse.backup import back_up
from dagster_project.warehouse.paths import Warehouse


def backup(warehouse: Path, place: Path, register: str | None) -> None:
    """Copy a warehouse while it is in use, and say what belongs beside the copy."""
    with screen.status("") as status:
        files = back_up(Warehouse(warehouse), place, lambda said: status.update(f"{said} …"))
    screen.print(f"{files:,} files are in {place}. `meterhouse verify --warehouse {place}` proves it.", soft_wrap=True)
    beside = ["the books", "the inbox, as far as it has not landed"]
    if register is not None:
        beside.insert(0, "the register, with its database's own means (pg_dump) and after this")
    screen.print(f"Back up beside it: {'; '.join(beside)}.", soft_wrap=True)
