"""What was agreed by API, folded in order into customers, contracts and grants of the books (R-64)."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from dagster_project.register.records import Record
from rating.books import Agreed, Document, agreed_version
from rating.books.layers import with_more

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

    @property
    def document(self) -> Document:
        """For the books to be read with, named by the record that said the last of it."""
        return Document(self.record.place, {SECTIONS[self.kind]: [dict(self.terms)]}, {})


@dataclass(frozen=True, slots=True)
class Agreements:
    """Everything that records agree to, by id. last: number of the last of them. digest: of all of them."""

    items: Mapping[str, Item] = field(default_factory=dict)
    last: int = 0
    digest: str = hashlib.sha256().hexdigest()

    def of(self, kind: str) -> list[Item]:
        return [item for item in self.items.values() if item.kind == kind]

    def version_with(self, folder: str) -> str:
        """The version of a folder's books with this."""
        return agreed_version(folder, self.digest) if self.items else folder

    @property
    def beside_the_folder(self) -> Agreed:
        """For the books to be read with: an item a document."""
        return Agreed(tuple(item.document for item in self.items.values()), self.digest)


NOTHING = Agreements()


def fold(found: Sequence[Record], before: Agreements = NOTHING) -> Agreements:
    """Records in order, after those that came before, as what they come to."""
    if not found:
        return before
    items, digest = dict[str, Item](), before.digest
    for record in found:
        code = record.item.get("id", "")
        if (item := item_after(record, items.get(code) or before.items.get(code))) is not None:
            digest = hashlib.sha256(f"{digest}{record.hash}".encode()).hexdigest()
            items[code] = item
    return Agreements(with_more(before.items, items) if before.items else items, found[-1].seq, digest)


def item_after(record: Record, item: Item | None) -> Item | None:
    """What a record leaves of the item that it is about; None where it agrees to none: what is proposed changes no books before it
    stands in them. item: as it was before, where it was there."""
    kind, _, act = record.op.partition(".")
    if kind not in SECTIONS:
        return None
    said = {name: value for name, value in record.item.items() if name != BESIDE}
    beside = record.item.get(BESIDE, {})
    if act == "create":
        return Item(kind, said, beside, record, record)
    assert item is not None
    # an amendment is one more; update and cancel: other values of the same keys
    changed = {"amendments": [*item.terms.get("amendments", []), said["amendment"]]} if act == "amend" else said
    return replace(item, terms={**item.terms, **changed}, beside={**item.beside, **beside}, record=record)
