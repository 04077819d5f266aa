"""The books of now as tables to ask: customers, contracts with their terms over time, meters, plans and pricings (R-66)."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import duckdb
import polars as pl

from dagster_project.api.answers import ApiError, Detail, instant_text
from dagster_project.api.books_of_now import BooksOfNow, Known
from dagster_project.api.clock import Clock
from dagster_project.pipeline.dimensions import dimensions
from dagster_project.queries import records
from dagster_project.queries.records import Records
from dagster_project.warehouse.database import connect, lay
from rating.books import BooksError
from rating.usage import combinations

# contracts begin and end at midnights
STAYS_TRUE = timedelta(minutes=1)
OF_BOOKS = (records.CUSTOMERS, records.CONTRACTS, records.METERS, records.PLANS, records.PRICINGS)


class Catalogue:
    """Lays the books out again where they have changed, or the hour has."""

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
            if self._laid is None or self._laid[0] is not known or not timedelta(0) <= now - self._laid[1] < STAYS_TRUE:
                self._laid = (known, now, _laid_out(known, now))
            return self._laid[2]


def _laid_out(known: Known, now: datetime) -> duckdb.DuckDBPyConnection:
    books = known.together
    keys = books.meters.select("meter_code", "group_keys")
    overrides = books.rate_overrides.join(keys, on="meter_code", how="left", maintain_order="left")
    frames = {
        **dimensions(books, now),
        "contract_terms": books.contract_terms,
        "rate_overrides": overrides.with_columns(
            dimensions=pl.when(pl.col("group_values").is_not_null()).then(
                combinations.dimensions(overrides, "group_keys", "group_values")
            )
        ).drop("group_keys", "group_values"),
    }
    connection = connect()
    connection.execute("create schema marts")
    for name, frame in frames.items():
        lay(connection, f"marts.{name}", frame)
    return connection


def broken(error: BooksError) -> ApiError:
    """Books with mistakes, all of them said (R-51)."""
    details = [Detail("", str(problem)) for problem in error.problems[:20]]
    return ApiError(503, "BOOKS_BROKEN", "The books have mistakes; what needs them waits until they are mended.", details)
