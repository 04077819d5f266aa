"""A warehouse made by hand: books, windows and events as frames, laid out as the shell lays them, and dbt run over them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from dagster_project.checks.attention import ATTENTION
from dagster_project.pipeline.dimensions import DIMENSIONS
from dagster_project.pipeline.marts import UNPUBLISHED
from dagster_project.warehouse import published
from dagster_project.warehouse.contents import NOTED, PARTS
from dagster_project.warehouse.database import connect
from dagster_project.warehouse.dbt_runner import DbtHouse, DbtResult
from dagster_project.warehouse.paths import Warehouse
from dagster_project.warehouse.unmatched import CHANGES
from rating import tables
from rating.books import LETTERHEADS

moment = datetime.fromisoformat

A_DAY = moment("2026-01-10")

Row = Mapping[str, Any]

RAW_EVENTS = {
    "event_name": pl.String(),
    "customer_id": pl.String(),
    "external_customer_id": pl.String(),
    "contract_id": pl.String(),
    "idempotency_key": pl.String(),
    "timestamp": pl.Datetime("us"),
    "tombstone": pl.Boolean(),
    "properties": pl.String(),
    "received_at": pl.Datetime("us"),
    "file": pl.String(),
    "file_hash": pl.String(),
    "position": pl.Int64(),
    "element": pl.Int32(),
    "batch": pl.Int32(),
}
QUARANTINE = {
    "file": pl.String(),
    "position": pl.Int64(),
    "raw": pl.String(),
    "reason": pl.String(),
    "received_at": pl.Datetime("us"),
}
RECONCILED_AMOUNTS = {
    "contract_id": pl.String(),
    "period_start": pl.Datetime("us"),
    "meter_code": pl.String(),
    "amount": tables.MONEY,
}


@dataclass
class SmallWarehouse:
    """A warehouse in a folder of one test. Facts are added first; `below` and `above` then lay them out and run dbt."""

    warehouse: Warehouse
    rows: dict[str, list[Row]] = field(default_factory=dict)
    events: list[Row] = field(default_factory=list)
    quarantine: list[Row] = field(default_factory=list)
    reconciled_amounts: list[Row] = field(default_factory=list)

    def add(self, table: str, *rows: Row) -> None:
        self.rows.setdefault(table, []).extend(rows)

    def customer(self, customer_id: str, external_id: str | None = None) -> None:
        self.add("customers", {"customer_id": customer_id, "external_id": external_id})

    def meter(
        self,
        code: str,
        aggregation: str,
        key: str | None = None,
        *,
        groups: Iterable[str] = (),
        names: Iterable[str] | None = ("call",),
        but: Iterable[str] = (),
        filters: Iterable[tuple[str, str, list[str]]] = (),
        status: str = "active",
        plans: Iterable[str] = ("pro",),
        percentile: Decimal | None = None,
        interval_seconds: int | None = None,
        from_zero: bool = False,
    ) -> None:
        """A meter, its filters (property, operator, values), and a pricing of it in each plan."""
        self.add(
            "meters",
            {
                "meter_code": code,
                "display_name": code,
                "aggregation": aggregation,
                "aggregation_key": key,
                "group_keys": list(groups),
                "include_events": None if names is None else list(names),
                "exclude_events": list(but),
                "status": status,
                "percentile": percentile,
                "interval_seconds": interval_seconds,
                "from_zero": from_zero,
            },
        )
        for number, (name, operator, values) in enumerate(filters):
            self.add(
                "meter_filters",
                {"meter_code": code, "filter_no": number, "property": name, "operator": operator, "values": values},
            )
        pricing = {"pricing_code": code, "name": code, "model": "per_unit", "meter_code": code, "tier_scope": "combination"}
        self.add("pricings", {**pricing, "per": 1, "unit_amount": 1, "place": "books.yml:1"})
        for plan in plans:
            self.add("plan_pricings", {"plan_code": plan, "pricing_order": 0, "pricing_code": code})

    def contract(
        self,
        contract_id: str,
        customer_id: str,
        *windows: tuple[datetime, datetime],
        plan: str = "pro",
        later_plan: str | None = None,
        currency: str = "USD",
        minor_digits: int = 2,
        status: str = "approved",
    ) -> None:
        """A contract of one period, from the start of its first window to the end of its last; January 2026 where none is given.
        `later_plan` is in force from the second window on."""
        windows = windows or ((moment("2026-01-01"), moment("2026-02-01")),)
        self.add(
            "contracts",
            {
                "contract_id": contract_id,
                "customer_id": customer_id,
                "currency": currency,
                "minor_digits": minor_digits,
                "billing_frequency": "monthly",
                "start_date": date(2026, 1, 1),
                "billing_anchor": 1,
                "timezone": "UTC",
                "status": status,
                "place": "books.yml:1",
            },
        )
        if status != "approved":
            return
        for number, (start, end) in enumerate(windows):
            self.add(
                "windows",
                {
                    "contract_id": contract_id,
                    "customer_id": customer_id,
                    "period_start": windows[0][0],
                    "period_end": windows[-1][1],
                    "window_start": start,
                    "window_end": end,
                    "window_plan_code": later_plan if later_plan and number else plan,
                    "interval_start": windows[number if later_plan else 0][0]
                    if not later_plan or number < 2
                    else windows[1][0],
                    "interval_end": windows[0][1] if later_plan and not number else windows[-1][1],
                    "full_length": (windows[-1][1] - windows[0][0]) // timedelta(microseconds=1),
                    "month": "2026-01",
                },
            )

    def event(
        self,
        properties: Mapping[str, Any] | str | None = None,
        *,
        name: str = "call",
        customer: str | None = "acme",
        external: str | None = None,
        pin: str | None = None,
        key: str | None = None,
        at: datetime = A_DAY,
        received: datetime | None = None,
        tombstone: bool = False,
        file: str = "a.ndjson",
        element: int = 0,
        batch: int = 1,
    ) -> None:
        """One landed version. Positions count up in the order of the calls."""
        self.events.append(
            {
                "event_name": name,
                "customer_id": None if external else customer,
                "external_customer_id": external,
                "contract_id": pin,
                "idempotency_key": key,
                "timestamp": at,
                "tombstone": tombstone,
                "properties": json.dumps(properties) if isinstance(properties, Mapping) else properties,
                "received_at": received or at + timedelta(minutes=batch),
                "file": file,
                "file_hash": file,
                "position": len(self.events) + 1,
                "element": element,
                "batch": batch,
            }
        )

    def close(self, contract: str, customer: str, period: tuple[datetime, datetime], last_batch: int) -> None:
        """An issued period that takes no more events than those of the landings up to `last_batch`."""
        start, end = period
        self.rows.setdefault("closed_periods", []).append(
            {
                "contract_id": contract,
                "customer_id": customer,
                "period_start": start,
                "period_end": end,
                "last_batch": last_batch,
            }
        )

    def below(self, *, thorough: bool = False) -> list[DbtResult]:
        """Build staging and intermediate models; every model and test must be good."""
        self._lay_out()
        return self._build("staging intermediate", thorough=thorough)

    def above(self, *, thorough: bool = False) -> list[DbtResult]:
        self._lay_out()
        published.discard(self.warehouse)  # all that is laid out comes to the marts
        return self._build("marts", thorough=thorough)

    def ask(self, question: str) -> list[tuple[Any, ...]]:
        """Rows of a query over work.duckdb, with the marts attached as `published`."""
        with connect(self.warehouse.work_database) as connection:
            connection.execute(f"attach if not exists '{self.warehouse.staged_database}' as published")
            return connection.sql(question).fetchall()

    def usage(self) -> pl.DataFrame:
        with connect(self.warehouse.work_database, read_only=True) as connection:
            rows = connection.sql(f"select {', '.join(tables.USAGE.names)} from intermediate.int_usage order by all").pl()
        return tables.USAGE.require(rows, unique=True)

    def quantities(self) -> dict[tuple[Any, ...], str]:
        """Quantity by meter and group values, in plain text without needless zeros."""
        return {
            (row["meter_code"], *row["group_values"]): f"{row['quantity'].normalize():f}"
            for row in self.usage().iter_rows(named=True)
        }

    def dispositions(self) -> list[str]:
        """The disposition of every landed version, in the order of the calls of `event`."""
        return [row[0] for row in self.ask("select disposition from intermediate.int_event_dispositions order by position")]

    def _build(self, select: str, *, thorough: bool) -> list[DbtResult]:
        results = DbtHouse(self.warehouse).build(select, thorough=thorough)
        assert results
        bad = [f"{result.name}: {result.status} {result.message}" for result in results if not result.is_good]
        assert not bad, "\n".join(bad)
        return results

    def _lay_out(self) -> None:
        for table in tables.BOOKS_TABLES:
            self._show("books", table.name, table.frame(self.rows[table.name]) if table.name in self.rows else table.empty())
        windows = self.rows.get("windows")
        self._show("schedule", "windows", tables.WINDOWS.frame(windows) if windows else tables.WINDOWS.empty())
        closed = self.rows.get("closed_periods")
        self._show(
            "schedule", "closed_periods", tables.CLOSED_PERIODS.frame(closed) if closed else tables.CLOSED_PERIODS.empty()
        )
        self._show("raw", "events", pl.DataFrame(self.events, schema=RAW_EVENTS))
        noted = self.rows.get("unmatched_changes")
        self._show("schedule", "unmatched_changes", CHANGES.frame(noted) if noted else CHANGES.empty())
        for part in (*PARTS, NOTED):
            rows = self.rows.get(f"closed_{part.name}")
            for name in (part.name, f"{UNPUBLISHED}{part.name}"):
                self._show("closed", name, part.frame(rows) if rows else part.empty())
        self._show("raw", "withdrawn", pl.DataFrame(schema=RAW_EVENTS))
        self._show("raw", "quarantine", pl.DataFrame(self.quarantine, schema=QUARANTINE))
        for table in tables.DOCUMENT_TABLES:
            rows = self.rows.get(table.name)
            self._show("rating", f"{UNPUBLISHED}{table.name}", table.frame(rows) if rows else table.empty())
        for table in (tables.RATED_PERIODS, tables.UNBILLED_USAGE):
            self._show("rating", table.name, table.empty())
        self._show("rating", "attention", ATTENTION.empty())
        self._show("rating", f"{UNPUBLISHED}letterheads", LETTERHEADS.empty())
        for table in DIMENSIONS:
            self._show("dimensions", table.name, table.empty())
        self._show("rating", "reconciled_amounts", pl.DataFrame(self.reconciled_amounts, schema=RECONCILED_AMOUNTS))

    def _show(self, schema: str, name: str, frame: pl.DataFrame) -> None:
        path = self.warehouse.derived / schema / f"{name}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        frame.write_parquet(path)
        with connect(self.warehouse.work_database) as connection:
            connection.execute(f"create schema if not exists {schema}")
            connection.execute(f"create or replace view {schema}.{name} as select * from read_parquet('{path}')")


@pytest.fixture
def house(tmp_path: Path) -> SmallWarehouse:
    """An empty warehouse."""
    return SmallWarehouse(Warehouse(tmp_path / "warehouse"))


@pytest.fixture
def acme(house: SmallWarehouse) -> SmallWarehouse:
    """One customer with one contract on the plan `pro` over January 2026; meters are the test's own."""
    house.customer("acme", "acme-ext")
    house.contract("acme-1", "acme")
    return house
