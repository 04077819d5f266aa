"""The books of now as tables to ask: customers, contracts with their terms over time, meters, plans and pricings (R-66)."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

import duckdb
import polars as pl

from dagster_project.api.answers import ApiError, Detail, instant_text
from dagster_project.api.books_of_now import BooksOfNow, Known
from dagster_project.api.clock import Clock
from dagster_project.pipeline.dimensions import contracts_at, dimensions, plans_of
from dagster_project.queries import records
from dagster_project.queries.records import Records
from dagster_project.warehouse.database import connect, fetch, lay
from rating.books import Books, BooksError
from rating.usage import combinations

# contracts begin and end at midnights
STAYS_TRUE = timedelta(minutes=1)
OF_BOOKS = (records.CUSTOMERS, records.CONTRACTS, records.METERS, records.PLANS, records.PRICINGS)


class Catalogue:
    """Lays the books out again where they have changed, or a minute has passed; of agreements that were added, nothing but these."""

    def __init__(self, books: BooksOfNow, clock: Clock) -> None:
        self._books, self._clock = books, clock
        self._lock = threading.Lock()
        self._laid: tuple[Known, datetime, duckdb.DuckDBPyConnection] | None = None

    @contextlib.contextmanager
    def asked(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Schema `marts`, with the dimensions of the books of now. Raises `ApiError` while the books have mistakes."""
        with self._connection().cursor() as connection:
            yield connection

    def beside(self, what: Records, key: str) -> dict[str, Any]:
        """What the API keeps of an item that it agreed to, and the books do not know: metadata, and when it was made."""
        item = self._known().agreed.items.get(key)
        if item is None or item.kind != what.name:
            return {}
        return {"createdAt": instant_text(item.first.at), "metadata": item.beside.get("metadata") or {}}

    def _known(self) -> Known:
        try:
            return self._books.known()
        except BooksError as error:
            raise broken(error) from None

    def _connection(self) -> duckdb.DuckDBPyConnection:
        known, now = self._known(), self._clock.now()
        with self._lock:
            if self._laid is None or not timedelta(0) <= now - self._laid[1] < STAYS_TRUE:
                self._laid = (known, now, _laid_out(known, now))
            before, then, connection = self._laid
            if known is before:
                return connection
            if _is_before(before, known):
                _add(connection, known, known.agreed.since(before.agreed.last), then)
                self._laid = (known, then, connection)
            else:
                self._laid = (known, now, _laid_out(known, now))
            return self._laid[2]


def _is_before(before: Known, known: Known) -> bool:
    """Whether what was agreed since was added to books, and not read with all of them: then what all share is the same."""
    return before.together.plans is known.together.plans and before.agreed.last <= known.agreed.last


def _add(connection: duckdb.DuckDBPyConnection, known: Known, changed: Sequence[tuple[str, str]], now: datetime) -> None:
    """Lay what was agreed over what was laid."""
    books = known.together
    customers = pl.Series("customer_id", [code for kind, code in changed if kind == "customer"], dtype=pl.String)
    contracts = pl.Series("contract_id", [code for kind, code in changed if kind == "contract"], dtype=pl.String)
    connection.execute("begin")
    if len(customers):
        _replace(connection, "customers", customers, books.customers.filter(pl.col("customer_id").is_in(customers.implode())))
    if len(contracts):
        some = books.only(contracts)
        _replace(connection, "contracts", contracts, contracts_at(some, now))
        _replace(connection, "contract_terms", contracts, some.contract_terms)
        _replace(connection, "rate_overrides", contracts, _overrides(some))
        plans = plans_of(books, fetch(connection, "select plan_code, is_active from marts.contracts"))
        _replace(connection, "plans", plans.get_column("plan_code"), plans)
    connection.execute("commit")


def _replace(connection: duckdb.DuckDBPyConnection, table: str, codes: pl.Series, rows: pl.DataFrame) -> None:
    """Rows in the place of those that have one of some codes."""
    connection.register("codes", codes.to_frame().to_arrow())
    connection.register("laid", rows.to_arrow())
    connection.execute(f"delete from marts.{table} where {codes.name} in (select {codes.name} from codes)")
    connection.execute(f"insert into marts.{table} by name select * from laid")
    connection.unregister("codes")
    connection.unregister("laid")


def _overrides(books: Books) -> pl.DataFrame:
    keys = books.meters.select("meter_code", "group_keys")
    overrides = books.rate_overrides.join(keys, on="meter_code", how="left", maintain_order="left")
    return overrides.with_columns(
        dimensions=pl.when(pl.col("group_values").is_not_null()).then(
            combinations.dimensions(overrides, "group_keys", "group_values")
        )
    ).drop("group_keys", "group_values")


def _laid_out(known: Known, now: datetime) -> duckdb.DuckDBPyConnection:
    books = known.together
    frames = {**dimensions(books, now), "contract_terms": books.contract_terms, "rate_overrides": _overrides(books)}
    connection = connect()
    connection.execute("create schema marts")
    for name, frame in frames.items():
        lay(connection, f"marts.{name}", frame)
    return connection


def broken(error: BooksError) -> ApiError:
    """Books with mistakes, all of them said (R-51)."""
    details = [Detail("", str(problem)) for problem in error.problems[:20]]
    return ApiError(503, "BOOKS_BROKEN", "The books have mistakes; what needs them waits until they are mended.", details)
