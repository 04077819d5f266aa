"""`meterhouse acknowledge`: what deserves a look and may stay as it is."""

from __future__ import annotations

import difflib
from datetime import date
from pathlib import Path

import polars as pl

from dagster_project import settings
from dagster_project.checks import attention
from dagster_project.checks.attention import Acknowledgement
from dagster_project.cli.screen import screen
from dagster_project.errors import UserError
from dagster_project.warehouse.database import fetch, published
from dagster_project.warehouse.paths import Warehouse

MOST_NAMED = 5


def acknowledge(folder: Path, code: str, subject: str, because: str, until: str | None) -> None:
    """Quiet one look from the next run on. Raises `UserError` where there is none of that code and subject."""
    warehouse = Warehouse(folder)
    if not because.strip():
        raise UserError("--because is empty: say why it may stay as it is.")
    if until is not None:
        try:
            date.fromisoformat(until)
        except ValueError:
            raise UserError(f"--until {until} is no date. Write it as 2026-12-31.") from None
    with published(warehouse) as connection:
        found = fetch(connection, "select code, subject from marts.attention order by all")
    if found.filter(pl.col("code") == code, pl.col("subject") == subject).is_empty():
        raise UserError(*_none_such(found, code, subject))
    one = Acknowledgement(code, subject, because.strip(), until, f"{settings.now():%Y-%m-%dT%H:%M:%SZ}")
    attention.acknowledge(warehouse, one)
    screen.print(
        f"{code} of {subject} is quiet from the next run on" + (f", until {until}" if until else "") + ".",
        soft_wrap=True,
        markup=False,
    )


def _none_such(found: pl.DataFrame, code: str, subject: str) -> tuple[str, ...]:
    said = f"Nothing in marts.attention has the code {code} and the subject {subject}."
    subjects = found.filter(pl.col("code") == code).get_column("subject").to_list()
    if subjects:
        near = difflib.get_close_matches(subject, subjects, MOST_NAMED, 0) or subjects[:MOST_NAMED]
        return said, f"Of {code} there are: {', '.join(near)}" + (" …" if len(subjects) > len(near) else "") + "."
    codes = found.get_column("code").unique().sort().to_list()
    return said, f"There are the codes {', '.join(codes)}." if codes else "Nothing deserves a look."
