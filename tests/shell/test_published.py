"""Marts as readers see them: always those that were published last, and whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from dagster_project.errors import UserError
from dagster_project.warehouse.database import connect, fetch, published
from dagster_project.warehouse.paths import Warehouse


def _publish(warehouse: Warehouse, number: int) -> None:
    made = warehouse.root / "made.duckdb"
    with connect(made) as connection:
        connection.execute(f"create schema marts; create table marts.figures as select {number} as figure")
    made.replace(warehouse.database)


def _figure(warehouse: Warehouse) -> int:
    with published(warehouse) as marts:
        return int(fetch(marts, "select figure from marts.figures").item())


def test_what_is_published_while_others_read_is_seen_by_those_who_come_after(tmp_path: Path) -> None:
    warehouse = Warehouse(tmp_path)
    _publish(warehouse, 1)
    with published(warehouse) as reading:
        _publish(warehouse, 2)
        assert _figure(warehouse) == 2
        assert fetch(reading, "select figure from marts.figures").item() == 1
    for number in range(3, 9):
        _publish(warehouse, number)
        assert _figure(warehouse) == number


def test_several_warehouses_are_read_side_by_side(tmp_path: Path) -> None:
    warehouses = [Warehouse(tmp_path / f"it's {number}") for number in range(12)]
    for number, warehouse in enumerate(warehouses):
        warehouse.root.mkdir()
        _publish(warehouse, number)
    assert [_figure(warehouse) for warehouse in warehouses * 2] == [*range(12), *range(12)]


def test_marts_cannot_be_written_to_by_readers_and_damage_is_said(tmp_path: Path) -> None:
    warehouse = Warehouse(tmp_path)
    with pytest.raises(UserError, match="There are no marts"):
        published(warehouse)
    _publish(warehouse, 1)
    with published(warehouse) as marts, pytest.raises(Exception, match="read-only"):
        marts.execute("create table marts.mine as select 1")
    warehouse.database.write_bytes(b"no database")
    with pytest.raises(UserError, match="cannot be opened"):
        published(warehouse)
