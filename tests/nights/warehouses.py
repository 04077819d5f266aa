"""What two warehouses must have in common, read as a person would: issued files byte by byte, marts row by row."""

from __future__ import annotations

import hashlib
from pathlib import Path

from tests.scenarios.pipeline import Row, marts

TABLES = "select table_name from information_schema.tables where table_schema = 'marts' order by all"


def issued(warehouse: Path) -> dict[str, str]:
    """Every file under issued/ with the SHA-256 of its bytes."""
    root = warehouse / "issued"
    return {
        str(file.relative_to(root)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(root.rglob("*"))
        if file.is_file()
    }


def every_mart(warehouse: Path) -> dict[str, list[Row]]:
    """The rows of every table of the marts, in an order of their own."""
    tables = [row["table_name"] for row in marts(warehouse, TABLES)]
    return {table: marts(warehouse, f"from marts.{table} order by all") for table in tables}


def landed(warehouse: Path) -> int:
    """Event versions in raw_events."""
    (row,) = marts(warehouse, f"select count(*) as events from read_parquet('{warehouse}/raw_events/**/*.parquet')")
    return int(row["events"])


def dispositions(warehouse: Path) -> dict[str, int]:
    """Events by disposition."""
    rows = marts(
        warehouse,
        "select disposition, sum(events)::bigint as events from marts.reconciliation where meter_code is null group by all",
    )
    return {row["disposition"]: row["events"] for row in rows}
