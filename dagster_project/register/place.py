"""Where the register lies. Apart from the database, which takes a moment to import and most commands do not need."""

from __future__ import annotations

from dagster_project.warehouse.paths import REGISTER, Warehouse


def location_of(warehouse: Warehouse) -> str:
    """Where the register lies unless somebody says otherwise."""
    return f"sqlite:///{(warehouse.root / REGISTER).resolve()}"


def existing_register(warehouse: Warehouse) -> str | None:
    """The register in a warehouse, if there is one: a run does not make any."""
    return location_of(warehouse) if (warehouse.root / REGISTER).exists() else None
