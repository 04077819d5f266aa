"""`meterhouse check`: the books, before anything is rated from them."""

from __future__ import annotations

import os
from pathlib import Path

from dagster_project import settings
from dagster_project.cli.screen import screen
from dagster_project.errors import UserError
from dagster_project.pipeline.run import agreed_at
from dagster_project.register.place import existing_register
from dagster_project.warehouse.paths import Warehouse
from rating import books


def check(folder: Path, warehouse: Path) -> None:
    """Say what the books hold, with what the register of the warehouse says (R-64). Raises `UserError` with every problem and their
    number."""
    register = settings.register(os.environ) or existing_register(Warehouse(warehouse))
    try:
        found = books.load(folder, agreed_at(register, settings.now()))
    except books.BooksError as error:
        count = len(error.problems)
        raise UserError(*map(str, error.problems), f"{count} mistake{'s' if count > 1 else ''} in {folder}.") from None
    for warning in found.warnings:
        screen.print(f"[yellow]warning[/yellow] {warning}", soft_wrap=True)
    counts = {
        "meters": found.meters,
        "pricings": found.pricings,
        "plans": found.plans,
        "customers": found.customers,
        "contracts": found.contracts,
    }
    held = ", ".join(f"{frame.height:,} {things}" for things, frame in counts.items())
    screen.print(
        f"{found.settings.organization}: {held}. No mistakes in {folder} (version {found.version[:12]}).", soft_wrap=True
    )
