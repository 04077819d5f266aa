"""The books of now, held once for all behind the door that ask for them: the folder, and what is agreed beside it (R-51, R-64)."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl
import sqlalchemy as sa

from dagster_project.pipeline.run import read_books, stamps
from dagster_project.register import records
from dagster_project.register.agreements import Agreements, fold
from dagster_project.register.records import Record
from rating.books import Books


@dataclass(frozen=True, slots=True)
class Known:
    """The folder's books, what the register says, and the books of both together."""

    folder: Books
    agreed: Agreements
    together: Books

    def contract(self, contract_id: object) -> dict[str, Any] | None:
        return row_of(self.together.contracts, "contract_id", contract_id)

    def customer(self, customer_id: object = None, external: object = None) -> dict[str, Any] | None:
        if customer_id is not None:
            return row_of(self.together.customers, "customer_id", customer_id)
        return row_of(self.together.customers, "external_id", external)


def row_of(frame: pl.DataFrame, column: str, value: object) -> dict[str, Any] | None:
    """The row of a frame with this text in a column that has every text once; None where there is none."""
    if not isinstance(value, str):
        return None
    found = frame.filter(pl.col(column) == value)
    return found.row(0, named=True) if found.height else None


class BooksOfNow:
    """Reads the books again only where a file or the register has changed, and records only once."""

    def __init__(self, folder: Path, register: sa.Engine) -> None:
        self.folder, self._register = folder, register
        self._lock = threading.Lock()
        self._agreed = Agreements()
        self._files: object = None
        self._is_news = False
        self._stamp: object = None
        self._held: Known | Exception | None = None
        self._told: list[Callable[[Known | None], None]] = []

    def agreed(self) -> Agreements:
        """What every record so far comes to."""
        with self._lock:
            return self._agreed_now()

    def known(self) -> Known:
        """The books as they lie there now. Raises `BooksError`, and `UserError` for files that do not come to rest."""
        with self._lock:
            agreed = self._agreed_now()
            files = stamps(self.folder)
            stamp = files, agreed.digest
            if self._held is None or stamp != self._stamp:
                self._stamp, self._held, self._is_news = stamp, self._read(agreed, files), True
            if isinstance(self._held, Exception):
                raise self._held
            return self._held

    def refresh(self) -> None:
        """Read the books if they are others now, and tell listeners; mistakes in them are for those who ask."""
        with contextlib.suppress(Exception):
            self.known()
        with self._lock:
            held, is_news, self._is_news = self._held, self._is_news, False
        if is_news:
            for tell in self._told:
                tell(held if isinstance(held, Known) else None)

    def adopt(self, before: Known, record: Record, after: Books) -> None:
        """Hold books that were read to see whether a record is sound, now that it is there; nothing where others came meanwhile."""
        with self._lock:
            if self._held is not before or record.seq != before.agreed.last + 1:
                return
            agreed = fold([record], before.agreed)
            version = agreed.beside_the_folder.version_with(before.folder.version)
            self._agreed, self._is_news = agreed, True
            self._held = Known(before.folder, agreed, replace(after, version=version))
            self._stamp = self._files, agreed.digest

    def tell(self, listener: Callable[[Known | None], None]) -> None:
        """Have somebody told by `refresh` of every change: the books, or None while they have mistakes."""
        self._told.append(listener)

    def _agreed_now(self) -> Agreements:
        self._agreed = fold(records.every(self._register, after=self._agreed.last), self._agreed)
        return self._agreed

    def _read(self, agreed: Agreements, files: object) -> Known | Exception:
        before = self._held
        try:
            together = read_books(self.folder, agreed.beside_the_folder)
            if not agreed.items:
                return Known(together, agreed, together)
            if isinstance(before, Known) and files == self._files:
                return Known(before.folder, agreed, together)
            return Known(read_books(self.folder), agreed, together)
        except Exception as error:
            return error
        finally:
            self._files = files
