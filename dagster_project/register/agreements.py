"""What was agreed by API, folded in order into customers, contracts and grants of the books (R-64)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from dagster_project.register import records, store
from dagster_project.register.records import Record
from rating.books import NOTHING_AGREED, Agreed, Document

SECTIONS = {"customer": "customers", "contract": "contracts", "grant": "credit_grants"}
BESIDE = "_beside"  # what the API keeps and the books do not know, such as metadata


@dataclass(slots=True)
class Item:
    """Something agreed, as its records leave it; record: the last that said something of it, first: the one that made it."""

    kind: str
    terms: dict[str, Any]
    beside: dict[str, Any]
    first: Record
    record: Record


@dataclass(slots=True)
class Agreements:
    """Everything that records agree to, by id."""

    items: dict[str, Item] = field(default_factory=dict)
    digest: str = ""

    def of(self, kind: str) -> list[Item]:
        return [item for item in self.items.values() if item.kind == kind]

    @property
    def beside_the_folder(self) -> Agreed:
        """For the books to be read with: an item a document, named by the record that said the last of it."""
        documents = (Document(item.record.place, {SECTIONS[item.kind]: [item.terms]}, {}) for item in self.items.values())
        return Agreed(tuple(documents), self.digest)


def fold(found: Iterable[Record]) -> Agreements:
    """Records in order as what they come to."""
    agreed, digest = Agreements(), hashlib.sha256()
    for record in found:
        digest.update(record.hash.encode())
        kind, _, act = record.op.partition(".")
        said: Mapping[str, Any] = {name: value for name, value in record.item.items() if name != BESIDE}
        beside = dict(record.item.get(BESIDE, {}))
        if act == "create":
            agreed.items[said["id"]] = Item(kind, dict(said), beside, record, record)
            continue
        item = agreed.items[said["id"]]
        item.record = record
        item.beside |= beside
        if act == "amend":
            item.terms["amendments"] = [*item.terms.get("amendments", []), said["amendment"]]
        else:  # update, cancel: other values of the same keys
            item.terms |= said
    agreed.digest = digest.hexdigest()
    return agreed


def agreed_by(register: str | None, as_of: datetime) -> Agreed:
    """What the register says up to as_of, for the books to be read with; nothing where there is no register."""
    if register is None:
        return NOTHING_AGREED
    engine = store.opened(register)
    try:
        return fold(records.every(engine, as_of)).beside_the_folder
    finally:
        engine.dispose()
