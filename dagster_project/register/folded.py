"""What the register says up to some time; and what its records came to for an earlier run, so that only new ones are read (R-52b).

The note lies in derived/, written by runs. Lost, damaged, made by another version of the code or of another register, it is passed over
and all records are read.
"""

from __future__ import annotations

import functools
import hashlib
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl
import sqlalchemy as sa

from dagster_project.register import records, store
from dagster_project.register.agreements import NOTHING, Agreements, Head, Item, fold
from dagster_project.register.records import Record
from dagster_project.warehouse.files import write_atomically
from dagster_project.warehouse.paths import Warehouse
from rating.books import NOTHING_AGREED, Agreed
from rating.books.garbage import uncollected
from rating.books.layers import ListMadeWhereAsked, MadeWhereAsked, flat
from rating.tables import COUNT, INSTANT, TEXT, Column, Table

STATES = 30  # so many runs are known by what they had read

ITEMS = Table(
    "agreed",
    "something agreed by API, as the records that runs have read leave it; in the order in which it came first",
    ("id",),
    (
        Column("id", TEXT, "of the customer, contract or grant"),
        Column("kind", TEXT, "customer, contract or grant"),
        Column("terms", TEXT, "keys of the books, as JSON"),
        Column("beside", TEXT, "what the API keeps beside them, as JSON"),
        Column("first_seq", COUNT, "number of the record that made it"),
        Column("first_at", INSTANT, "and when that was"),
        Column("first_by", TEXT, "and who agreed to it"),
        Column("seq", COUNT, "number of the last record that said something of it"),
        Column("at", INSTANT, "and when that was"),
        Column("by", TEXT, "and who agreed to it"),
    ),
)


def agreed_by(register: str | None, as_of: datetime, warehouse: Warehouse | None = None) -> Agreed:
    """What the register says up to as_of, for the books to be read with; nothing where there is no register.

    warehouse: where a run notes what it has read, so that the next one reads new records only.
    """
    if register is None:
        return NOTHING_AGREED
    engine = store.opened(register)
    try:
        with uncollected():
            return _agreed(engine, as_of, warehouse)
    finally:
        engine.dispose()


def noted_by_runs(register: sa.Engine, warehouse: Warehouse) -> Agreements:
    """What records came to for the last run that noted it; nothing where none did."""
    with uncollected():
        noted = _recalled(register, warehouse)
        return NOTHING if noted is None else noted.agreements()


def _agreed(engine: sa.Engine, as_of: datetime, warehouse: Warehouse | None) -> Agreed:
    noted = None if warehouse is None else _recalled(engine, warehouse)
    if noted is not None and noted.at > as_of:  # a look at the past leaves what later runs know
        noted = warehouse = None
    new = records.every(engine, as_of, after=0 if noted is None else noted.last)
    if noted is not None and not new:
        return noted.beside_the_folder
    found = fold(new, NOTHING if noted is None else noted.agreements())
    if warehouse is not None and new:
        _remember(warehouse, found, new[-1], noted)
    return found.beside_the_folder


@dataclass(frozen=True, slots=True)
class _Noted:
    """last, at, hash: of the last record that is in it. states: number of the last record by digest, of what runs have read."""

    last: int
    at: datetime
    hash: str
    digest: str
    states: dict[str, int]
    items: pl.DataFrame

    @property
    def beside_the_folder(self) -> Agreed:
        """As of `agreements`, of which nothing is made before somebody asks: books that are known need none."""
        whole = functools.cache(lambda: self.agreements().beside_the_folder)
        number = self.items.height
        return Agreed(
            ListMadeWhereAsked(number, lambda place: whole().documents[place]),
            self.digest if number else "",
            ListMadeWhereAsked(number, lambda place: whole().names[place]),
            lambda digest: whole().since(digest),
        )

    def agreements(self) -> Agreements:
        """Items are made where somebody asks for them: most are never looked at again."""
        columns = {name: self.items.get_column(name).to_list() for name in ITEMS.names}
        ids, kinds, seqs = columns["id"], columns["kind"], columns["seq"]

        def record(row: int, prefix: str) -> Record:
            seq, at, by = (columns[f"{prefix}{name}"][row] for name in ("seq", "at", "by"))
            return Record(seq, at, by, "", None, "", "", {}, "", "")

        def item(row: int) -> Item:
            terms, beside = json.loads(columns["terms"][row]), json.loads(columns["beside"][row])
            return Item(kinds[row], terms, beside, record(row, "first_"), record(row, ""))

        places = dict(zip(ids, range(len(ids)), strict=True))
        heads = dict(zip(ids, map(Head, kinds, seqs), strict=True))
        return Agreements(MadeWhereAsked(places, item), heads, self.last, self.digest, self.states)


def _recalled(register: sa.Engine, warehouse: Warehouse) -> _Noted | None:
    """What the last run noted, if it can be read and these records are still so."""
    try:
        note = json.loads(_place(warehouse, "json").read_bytes())
        content = _place(warehouse, "parquet").read_bytes()
        if note["code"] != _code() or note["items"] != hashlib.sha256(content).hexdigest():
            return None
        items = ITEMS.require(pl.read_parquet(io.BytesIO(content)))
        at = datetime.fromisoformat(note["at"])
        noted = _Noted(note["last"], at, note["hash"], note["digest"], note["states"], items)
    except (OSError, ValueError, KeyError, TypeError, pl.exceptions.PolarsError):
        return None
    return noted if records.holds(register, noted.last, noted.hash) else None


def _remember(warehouse: Warehouse, agreed: Agreements, last: Record, before: _Noted | None) -> None:
    """Note what all records up to the last one come to."""
    items = _rows(agreed, 0 if before is None else before.last)
    if before is not None:
        together = pl.concat([before.items, items])
        order = together.select(pl.col("id").unique(maintain_order=True))
        items = order.join(together.unique("id", keep="last"), on="id", how="left", maintain_order="left")
    content = io.BytesIO()
    ITEMS.require(items).write_parquet(content, compression="lz4", statistics=False)
    states = {} if before is None else {**before.states, before.digest: before.last}
    note: dict[str, Any] = {
        "code": _code(),
        "last": last.seq,
        "at": last.at.isoformat(),
        "hash": last.hash,
        "digest": agreed.digest,
        "states": dict([*states.items()][-STATES:]) | {agreed.digest: last.seq},
        "items": hashlib.sha256(content.getvalue()).hexdigest(),
    }
    write_atomically(_place(warehouse, "parquet"), content.getvalue())
    write_atomically(_place(warehouse, "json"), json.dumps(note).encode())


def _rows(agreed: Agreements, after: int) -> pl.DataFrame:
    """Items of which a record that follows a number said something."""
    found = [agreed.items[code] for code, head in flat(agreed.heads).items() if head.seq > after]
    columns: dict[str, Sequence[Any]] = {
        "id": [item.terms["id"] for item in found],
        "kind": [item.kind for item in found],
        "terms": [_text(item.terms) for item in found],
        "beside": [_text(item.beside) for item in found],
    }
    for prefix, of in (("first_", [item.first for item in found]), ("", [item.record for item in found])):
        columns |= {f"{prefix}{name}": [getattr(record, name) for record in of] for name in ("seq", "at", "by")}
    return pl.DataFrame(columns, schema=ITEMS.schema)


def _text(value: Any) -> str:
    return json.dumps(dict(value), ensure_ascii=False)


def _place(warehouse: Warehouse, ending: str) -> Path:
    return warehouse.derived / f"agreed.{ending}"


def _code() -> str:
    """What stands for the code that folds records: its content."""
    files = [Path(__file__), Path(__file__).with_name("agreements.py")]
    return hashlib.sha256(b"\0".join(file.read_bytes() for file in files)).hexdigest()
