"""`meterhouse verify`: whether what was issued is still what was issued."""

from __future__ import annotations

from pathlib import Path

import typer

from dagster_project.commands.screen import errors
from dagster_project.mistakes import Mistake
from dagster_project.verifying import findings
from dagster_project.warehouse import Warehouse


def verify(folder: Path) -> None:
    """Say what differs from what was issued, and exit 1; silent when nothing does. Raises `Mistake` where there is no warehouse."""
    if not folder.is_dir():
        raise Mistake(f"There is no warehouse at {folder}. Name one with --warehouse.")
    found = findings(Warehouse(folder))
    for sentence in found:
        errors.print(sentence, markup=False, soft_wrap=True)
    if found:
        raise typer.Exit(1)
