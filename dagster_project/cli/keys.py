"""`meterhouse keys`: who may speak to the door."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import polars as pl
import sqlalchemy as sa

from dagster_project import settings
from dagster_project.cli.screen import screen, table
from dagster_project.register import keys, place, store
from dagster_project.warehouse.paths import Warehouse


def create(warehouse: Path, register: str | None, name: str, scopes: list[str], expires: str | None) -> None:
    """Make a key and print it, once."""
    key = keys.create(
        _register(warehouse, register), name, scopes, settings.now(), settings.instant(expires) if expires else None
    )
    screen.print(key, markup=False, soft_wrap=True)


def show(warehouse: Path, register: str | None) -> None:
    """All keys, without what they are."""
    found = [
        {
            "key": f"{keys.START}{one.prefix}…",
            "name": one.name,
            "scopes": " ".join(one.scopes),
            "created": _day(one.created_at),
            "expires": _day(one.expires_at),
            "last used": _day(one.last_used_at),
            "revoked": _day(one.revoked_at),
        }
        for one in keys.every(_register(warehouse, register))
    ]
    screen.print(table("Keys", pl.DataFrame(found)) if found else "There are no keys. `meterhouse keys create` makes one.")


def revoke(warehouse: Path, register: str | None, prefix: str) -> None:
    """Take a key back; the door knows within two seconds."""
    key = keys.revoke(_register(warehouse, register), prefix, settings.now())
    screen.print(f"{keys.START}{key.prefix}… ({key.name}) is revoked.", markup=False, soft_wrap=True)


def upgrade(warehouse: Path, register: str | None) -> None:
    """Bring the register to this version."""
    engine = store.upgraded(register or place.location_of(Warehouse(warehouse)))
    screen.print(f"The register is of version {store.VERSION}: {engine.url.render_as_string(hide_password=True)}", markup=False)


def _register(warehouse: Path, location: str | None) -> sa.Engine:
    return store.opened(location or place.location_of(Warehouse(warehouse)))


def _day(instant: datetime | None) -> str:
    return f"{instant:%Y-%m-%d %H:%M}" if instant else ""
