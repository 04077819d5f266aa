"""`meterhouse focus`: what customers load into their FinOps tools."""

from __future__ import annotations

from pathlib import Path

from dagster_project import settings
from dagster_project.cli.documents import file_name
from dagster_project.cli.screen import screen
from dagster_project.errors import UserError
from dagster_project.queries import focus as queries
from dagster_project.warehouse.database import published
from dagster_project.warehouse.paths import Warehouse


def focus(warehouse: Path, out: Path, period: str, customer: str | None, kind: str) -> None:
    """Write a file a customer into a folder, and say how many. Raises `UserError` where there is nothing to write."""
    month, kind = settings.month(period), kind.strip().lower()
    if kind not in queries.FORMATS:
        raise UserError(f"--format {kind} is none that FOCUS files are written in. Write {' or '.join(queries.FORMATS)}.")
    if out.exists() and not out.is_dir():
        raise UserError(f"{out} is a file. Name a folder with --out.")
    rows = 0
    with published(Warehouse(warehouse)) as marts:
        customers = queries.customers(marts, month, customer)
        out.mkdir(parents=True, exist_ok=True)
        for one in customers:
            place = out / f"{file_name(one)}-{month}.{kind}"
            building = place.with_name(f".{place.name}.tmp")
            rows += queries.write(marts, month, one, kind, building)
            building.replace(place)
    screen.print(f"{out}: {len(customers):,} files of {month}, {rows:,} rows of FOCUS 1.2.", soft_wrap=True)
