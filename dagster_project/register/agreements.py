"""What was agreed by API, folded in order into customers, contracts and grants of the books (R-64)."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from dagster_project.register import records, store
from dagster_project.register.records import Record
from rating.books import NOTHING_AGREED, Agreed, Document

SECTIONS = {"customer": "customers", "contract": "contracts", "grant": "credit_grants"}
BESIDE = "_beside"  # what the API keeps and the books do not know, such as metadata


@dataclass(frozen=True, slots=True)
class Item:
    """Something agreed, as its records leave it; record: the last that said something of it, first: the one that made it."""

    kind: str
    terms: Mapping[str, Any]
    beside: Mapping[str, Any]
    first: Record
    record: Record


@dataclass(frozen=True, slots=True)
class Agreements:
    """Everything that records agree to, by id. last: number of the last of them. digest: of all of them."""

    items: Mapping[str, Item] = field(default_factory=dict)
    last: int = 0
    digest: str = hashlib.sha256().hexdigest()

    def of(self, kind: str) -> list[Item]:
        return [item for item in self.items.values() if item.kind == kind]

    @property
    def beside_the_folder(self) -> Agreed:
        """For the books to be read with: an item a document, named by the record that said the last of it."""
        documents = (Document(item.record.place, {SECTIONS[item.kind]: [dict(item.terms)]}, {}) for item in self.items.values())
        return Agreed(tuple(documents), self.digest)


NOTHING = Agreements()


def fold(found: Sequence[Record], before: Agreements = NOTHING) -> Agreements:
    """Records in order, after those that came before, as what they come to."""
    if not found:
        return before
    items, digest = dict(before.items), before.digest
    for record in found:
        kind, _, act = record.op.partition(".")
        if kind not in SECTIONS:
            continue  # what is proposed changes no books before it stands in them
        digest = hashlib.sha256(f"{digest}{record.hash}".encode()).hexdigest()
        said = {name: value for name, value in record.item.items() if name != BESIDE}
        beside = record.item.get(BESIDE, {})
        if act == "create":
            items[said["id"]] = Item(kind, said, beside, record, record)
            continue
        item = items[said["id"]]
        # an amendment is one more; update and cancel: other values of the same keys
        changed = {"amendments": [*item.terms.get("amendments", []), said["amendment"]]} if act == "amend" else said
        items[said["id"]] = replace(item, terms={**item.terms, **changed}, beside={**item.beside, **beside}, record=record)
    return Agreements(items, found[-1].seq, digest)


def agreed_by(register: str | None, as_of: datetime) -> Agreed:
    """What the register says up to as_of, for the books to be read with; nothing where there is no register."""
    if register is None:
        return NOTHING_AGREED
    engine = store.opened(register)
    try:
        return fold(records.every(engine, as_of)).beside_the_folder
    finally:
        engine.dispose()
