"""One run of the real pipeline in this process: landing, dbt, kernel, checks, issue and marts, through Dagster."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

from dagster_project.cli.launch import launch
from dagster_project.errors import sentences_of
from dagster_project.pipeline.run import Run
from dagster_project.settings import instant
from dagster_project.warehouse.database import connect, fetch
from dagster_project.warehouse.paths import Warehouse

Row = dict[str, Any]


class Refused(Exception):
    """A run that a person has to put right before anything is rated; the sentences say how."""


def run(books: Path, inbox: Path, warehouse: Path, as_of: str, *, issue: bool = True, **more: Any) -> str:
    """Carry a run out; it must balance. Returns what it says of contracts held back. Raises `Refused` with what a person would read."""
    try:
        outcome = launch(Run(Warehouse(warehouse), books, str(inbox), instant(as_of), issue=issue, **more))
    except Exception as error:
        sentences = sentences_of(error)
        if not sentences:
            raise
        raise Refused("\n".join(sentences)) from None
    assert outcome.balanced, "\n".join(outcome.broken)
    return "\n".join(outcome.held_back)


def marts(warehouse: Path, query: str) -> list[Row]:
    """The rows of a query over the marts, decimals exact, instants naive UTC."""
    with connect(Warehouse(warehouse).database, read_only=True) as connection:
        return fetch(connection, query).to_dicts()


def moment(value: datetime) -> str:
    """An instant as a person writes it: the date alone at midnight, else to the minute or as far as it goes."""
    if value == value.replace(hour=0, minute=0, second=0, microsecond=0):
        return f"{value:%Y-%m-%d}"
    return value.isoformat(timespec="auto" if value.second or value.microsecond else "minutes")
