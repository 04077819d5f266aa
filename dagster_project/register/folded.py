"""What the register says up to some time; and what its records came to for an earlier run, so that a run reads new ones only (R-52b).

The note lies in derived/. Lost, damaged, made by another version of the code or of another register, it is passed over and all records
are read.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, overload

import msgspec
import sqlalchemy as sa

from dagster_project.register import records, store
from dagster_project.register.agreements import NOTHING, Agreements, Item, fold
from dagster_project.register.records import Record
from dagster_project.warehouse.files import write_atomically
from dagster_project.warehouse.paths import Warehouse
from rating.books import NOTHING_AGREED, Agreed, Document
from rating.books.garbage import uncollected


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


def _agreed(engine: sa.Engine, as_of: datetime, warehouse: Warehouse | None) -> Agreed:
    noted = None if warehouse is None else _recalled(warehouse)
    if noted is None or noted.at > as_of or not records.holds(engine, noted.last, noted.hash):
        noted = None
    new = records.every(engine, as_of, after=0 if noted is None else noted.last)
    if noted is not None and not new:
        return Agreed(noted.documents, noted.digest)
    found = fold(new, NOTHING if noted is None else noted.agreements())
    if warehouse is not None and new:
        _remember(warehouse, found, new[-1])
    return found.beside_the_folder


class _Item(msgspec.Struct, array_like=True):
    """What a run wants to know of an item, and of the last record that said something of it."""

    kind: str
    terms: dict[str, Any]
    seq: int
    at: datetime
    by: str

    def item(self) -> Item:
        record = Record(self.seq, self.at, self.by, "", None, "", "", {}, "", "")
        return Item(self.kind, self.terms, {}, record, record)


_items = msgspec.json.Decoder(list[_Item])


class _Folded(msgspec.Struct):
    """last, at, hash: of the last record that is in it. items: _Item each, looked at where they are asked for."""

    code: str
    last: int
    at: datetime
    hash: str
    digest: str
    count: int
    items: msgspec.Raw

    def agreements(self) -> Agreements:
        items = (one.item() for one in _items.decode(self.items))
        return Agreements({item.terms["id"]: item for item in items}, self.last, self.digest)

    @property
    def documents(self) -> Sequence[Document]:
        """As of `Agreements.beside_the_folder`."""
        return _Documents(self)


class _Documents(Sequence[Document]):
    """Made where somebody goes over them: books that are known already need none."""

    def __init__(self, folded: _Folded) -> None:
        self._folded = folded

    def __len__(self) -> int:
        return self._folded.count

    def __iter__(self) -> Iterator[Document]:
        return iter(self._folded.agreements().beside_the_folder.documents)

    @overload
    def __getitem__(self, index: int) -> Document: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Document]: ...

    def __getitem__(self, index: int | slice) -> Document | Sequence[Document]:
        return self._folded.agreements().beside_the_folder.documents[index]


def _recalled(warehouse: Warehouse) -> _Folded | None:
    """What the last run noted, if it can be read."""
    try:
        found = msgspec.json.decode(_place(warehouse).read_bytes(), type=_Folded)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return None
    return found if found.code == _code() else None


def _remember(warehouse: Warehouse, agreed: Agreements, last: Record) -> None:
    """Note what all records up to the last one come to."""
    items = [
        _Item(item.kind, dict(item.terms), item.record.seq, item.record.at, item.record.by) for item in agreed.items.values()
    ]
    encoded = msgspec.Raw(msgspec.json.encode(items))
    note = _Folded(_code(), last.seq, last.at, last.hash, agreed.digest, len(items), encoded)
    write_atomically(_place(warehouse), msgspec.json.encode(note))


def _place(warehouse: Warehouse) -> Path:
    return warehouse.derived / "agreed.json"


def _code() -> str:
    """What stands for the code that folds records: its content."""
    files = [Path(__file__), Path(__file__).with_name("agreements.py")]
    return hashlib.sha256(b"\0".join(file.read_bytes() for file in files)).hexdigest()
