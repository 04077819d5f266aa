"""`meterhouse users`: who may sign in to the pages, and approve."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from dagster_project import settings
from dagster_project.cli.screen import screen, table
from dagster_project.register import place, store, users
from dagster_project.warehouse.paths import Warehouse


def add(warehouse: Path, register: str | None, email: str, role: str, password: str | None) -> None:
    """Add somebody."""
    engine = store.opened(register or place.location_of(Warehouse(warehouse)))
    found = users.add(engine, email, role, password, settings.now())
    screen.print(f"{found.email} is {found.role}.", markup=False)


def show(warehouse: Path, register: str | None) -> None:
    """Everybody, without passwords."""
    engine = store.opened(register or place.location_of(Warehouse(warehouse)))
    found = [
        {
            "email": one.email,
            "role": one.role,
            "since": f"{one.created_at:%Y-%m-%d}",
            "signs in": "disabled" if one.disabled_at else "by password" if one.password else "by the proxy",
        }
        for one in users.every(engine)
    ]
    screen.print(table("People", pl.DataFrame(found)) if found else "There is nobody. `meterhouse users add` adds somebody.")


def disable(warehouse: Path, register: str | None, email: str) -> None:
    """Let somebody in no more."""
    users.disable(store.opened(register or place.location_of(Warehouse(warehouse))), email, settings.now())
    screen.print(f"{email} may sign in no more.", markup=False)
