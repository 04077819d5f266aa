"""`meterhouse verify`: whether what was issued is still what was issued."""

from __future__ import annotations

from pathlib import Path

import typer

from dagster_project.cli.screen import errors
from dagster_project.errors import UserError
from dagster_project.warehouse.paths import Warehouse
from dagster_project.warehouse.verify import findings


def verify(folder: Path, register: str | None = None) -> None:
    """Say what differs from what was issued, and exit 1; silent when nothing does. Raises `UserError` where there is no warehouse."""
    if not folder.is_dir():
        raise UserError(f"There is no warehouse at {folder}. Name one with --warehouse.")
    found = findings(Warehouse(folder), register)
    for sentence in found:
        errors.print(sentence, markup=False, soft_wrap=True)
    if found:
        raise typer.Exit(1)
