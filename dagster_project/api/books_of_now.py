"""The books of now, held once for all behind the door that ask for them: the folder, and what is agreed beside it (R-51, R-64).

What is agreed comes one by one and is added to what is held; everything is read again where a file of the folder has changed, or an
agreement may change more than itself.
"""

from __future__ import annotations

import contextlib
import difflib
import gc
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl
import sqlalchemy as sa

from dagster_project.api.answers import invalid
from dagster_project.pipeline.run import reading_of, stamps
from dagster_project.register import records
from dagster_project.register.agreements import NOTHING, SECTIONS, Agreements, Item, fold
from dagster_project.register.folded import noted_by_runs
from dagster_project.register.records import Record
from dagster_project.warehouse.books_cache import recall_reading
from dagster_project.warehouse.paths import Warehouse
from rating.books import Books, BooksError, Reading, with_agreed
from rating.books.garbage import uncollected

FEW = 100  # of so many agreements listeners are told one by one


@dataclass(frozen=True, slots=True)
class Known:
    """What the register says, and the books of the folder and that together."""

    reading: Reading
    agreed: Agreements

    @property
    def together(self) -> Books:
        return self.reading.books

    def contract(self, contract_id: object) -> dict[str, Any] | None:
        return row_of(self.together.contracts, "contract_id", contract_id)

    def customer(self, customer_id: object = None, external: object = None) -> dict[str, Any] | None:
        if customer_id is not None:
            return row_of(self.together.customers, "customer_id", customer_id)
        return row_of(self.together.customers, "external_id", external)

    def agreed_grants(self, contract: str) -> list[Item]:
        """The grants of a contract that were agreed by API."""
        grants = self.together.credit_grants.filter(pl.col("contract_id") == contract).get_column("grant_id")
        return [item for grant in grants if (item := self.agreed.items.get(grant)) is not None and item.kind == "grant"]

    def is_of_folder(self, kind: str, code: str) -> bool:
        """Whether a customer or a contract stands in the folder, which wins over what was agreed of it (R-65)."""
        stated, item = self.reading.document_of(SECTIONS[kind], code), self.agreed.items.get(code)
        return stated is not None and (item is None or item.record.place != stated)


# the books, or None while they have mistakes; and what was agreed since the last time, or None where all may be another
Listener = Callable[[Known | None, Sequence[Item] | None], None]


def row_of(frame: pl.DataFrame, column: str, value: object) -> dict[str, Any] | None:
    """The row of a frame with this text in a column that has every text once; None where there is none."""
    if not isinstance(value, str):
        return None
    found = frame.filter(pl.col(column) == value)
    return found.row(0, named=True) if found.height else None


def plan_named(code: object, known: Known) -> dict[str, Any]:
    """The row of a plan that a request names. Raises `ApiError` where there is none, with the nearest that is one."""
    plans = known.together.plans
    found = row_of(plans, "plan_code", code)
    if found is None:
        near = difflib.get_close_matches(str(code), plans.get_column("plan_code").to_list(), 1)
        raise invalid("planId", f"There is no plan {code}" + (f"; did you mean {near[0]}?" if near else "."))
    return found


class BooksOfNow:
    """Reads a file of the folder again only where one has changed, and records only once."""

    def __init__(self, folder: Path, register: sa.Engine, warehouse: Warehouse | None = None) -> None:
        """warehouse: where runs note what they have read, so that it need not be read again."""
        self.folder, self._register, self._warehouse = folder, register, warehouse
        self._lock = threading.Lock()
        self._agreed: Agreements | None = None
        self._files: object = None
        self._held: Known | Exception | None = None
        self._news: list[Item] | None = []
        self._told: list[Listener] = []

    def known(self) -> Known:
        """The books as they lie there now. Raises `BooksError`, and `UserError` for files that do not come to rest."""
        with self._lock:
            if self._agreed is None:
                self._agreed = NOTHING if self._warehouse is None else noted_by_runs(self._register, self._warehouse)
            with uncollected():
                found = records.every(self._register, after=self._agreed.last)
            files = stamps(self.folder)
            if self._held is None or files != self._files or not self._has_added(found):
                with uncollected():
                    self._agreed = fold(found, self._agreed)
                self._held, self._files, self._news = self._read(self._agreed), files, None
            if isinstance(self._held, Exception):
                raise self._held
            return self._held

    def refresh(self) -> None:
        """Read the books if they are others now, and tell listeners; mistakes in them are for those who ask."""
        with contextlib.suppress(Exception):
            self.known()
        with self._lock:
            held, news, self._news = self._held, self._news, []
        if news is None or news:
            for tell in self._told:
                tell(held if isinstance(held, Known) else None, news)

    def after(self, known: Known, found: Sequence[Record]) -> Known:
        """The books once there are some records more. Raises `BooksError` where they would have mistakes."""
        agreed = fold(found, known.agreed)
        items = _items_of(found, agreed)
        if not items:
            return Known(known.reading, agreed)
        reading = None
        if not any(item.kind != "grant" and known.is_of_folder(item.kind, item.terms["id"]) for item in items):
            reading = with_agreed(known.reading, [item.document for item in items], agreed.digest)
        return Known(reading or reading_of(self.folder, agreed.beside_the_folder), agreed)

    def adopt(self, before: Known, record: Record, after: Known) -> None:
        """Hold books that were read to see whether a record is sound, now that it is there; nothing where others came meanwhile."""
        with self._lock:
            if self._held is not before or record.seq != before.agreed.last + 1:
                return
            # it was no record yet when they were read, and had no hash
            agreed = fold([record], before.agreed)
            books = after.together.agreed_as(agreed.digest if agreed.items else "")
            self._hold(Known(replace(after.reading, books=books), agreed), [record])

    def tell(self, listener: Listener) -> None:
        """Have somebody told by `refresh` of every change."""
        self._told.append(listener)

    def _has_added(self, found: Sequence[Record]) -> bool:
        """Whether records could be added to the books that are held."""
        if not isinstance(self._held, Known):
            return not found
        if found:
            try:
                self._hold(self.after(self._held, found), found)
            except BooksError:
                return False  # reading everything says all that is wrong
        return True

    def _hold(self, known: Known, found: Sequence[Record]) -> None:
        items = _items_of(found, known.agreed)
        self._agreed, self._held = known.agreed, known
        if self._news is not None:
            self._news = None if len(items) > FEW else [*self._news, *items]

    def _read(self, agreed: Agreements) -> Known | Exception:
        try:
            with uncollected():
                found = Known(self._recalled(agreed) or reading_of(self.folder, agreed.beside_the_folder), agreed)
        except Exception as error:
            return error
        # millions of small things that stay: walking them for garbage would hold up every request, again and again
        if self._held is not None:  # at the start there is none
            gc.collect()
        gc.freeze()
        return found

    def _recalled(self, agreed: Agreements) -> Reading | None:
        """The books as a run has read them, with what was agreed since; None where they have to be read."""
        return None if self._warehouse is None else recall_reading(self._warehouse, self.folder, agreed.beside_the_folder)


def _items_of(found: Sequence[Record], agreed: Agreements) -> list[Item]:
    """The items that records are about. agreed: with these records."""
    codes = dict.fromkeys(str(record.item.get("id")) for record in found if record.op.partition(".")[0] in SECTIONS)
    return [agreed.items[code] for code in codes]
