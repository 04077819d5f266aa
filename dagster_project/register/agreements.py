"""What was agreed by API, folded in order into customers, contracts and grants of the books (R-64)."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from dagster_project.register.records import Record
from rating.books import Agreed, Document
from rating.books.layers import ListMadeWhereAsked, flat, with_more

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


class Head(NamedTuple):
    """What is known of an item without looking at it; seq: number of the last record that said something of it."""

    kind: str
    seq: int


@dataclass(frozen=True, slots=True)
class Agreements:
    """Everything that records agree to, by id, in the order in which it came. last: number of the last of them. digest: of all of them.

    states: number of the last record by digest, of what earlier runs had read.
    """

    items: Mapping[str, Item] = field(default_factory=dict)
    heads: Mapping[str, Head] = field(default_factory=dict)
    last: int = 0
    digest: str = hashlib.sha256().hexdigest()
    states: Mapping[str, int] = field(default_factory=dict)

    def since(self, last: int) -> list[tuple[str, str]]:
        """Kind and id of what records after that number said something of."""
        return [(head.kind, code) for code, head in flat(self.heads).items() if head.seq > last]

    def of(self, kind: str) -> list[Item]:
        return [self.items[code] for code, head in flat(self.heads).items() if head.kind == kind]

    @property
    def beside_the_folder(self) -> Agreed:
        """For the books to be read with: an item a document, made where somebody asks for it."""
        if not self.items:
            return Agreed(since=self._since)
        heads = flat(self.heads)
        codes = [*heads]
        return Agreed(
            ListMadeWhereAsked(len(codes), lambda number: self.items[codes[number]].document),
            self.digest,
            [(SECTIONS[head.kind], code) for code, head in heads.items()],
            self._since,
        )

    def _since(self, digest: str) -> list[int] | None:
        """Places of the items of which something was said after an earlier state; None where there was no such state."""
        last = {**self.states, "": 0, self.digest: self.last}.get(digest)
        return None if last is None else [place for place, head in enumerate(flat(self.heads).values()) if head.seq > last]


NOTHING = Agreements()


def fold(found: Sequence[Record], before: Agreements = NOTHING) -> Agreements:
    """Records in order, after those that came before, as what they come to."""
    if not found:
        return before
    items, heads, digest = dict[str, Item](), dict[str, Head](), before.digest
    for record in found:
        code = record.item.get("id", "")
        if (item := item_after(record, items.get(code) or before.items.get(code))) is not None:
            digest = hashlib.sha256(f"{digest}{record.hash}".encode()).hexdigest()
            items[code], heads[code] = item, Head(item.kind, record.seq)
    if before.items:
        return Agreements(with_more(before.items, items), with_more(before.heads, heads), found[-1].seq, digest, before.states)
    return Agreements(items, heads, found[-1].seq, digest, before.states)


def item_after(record: Record, item: Item | None) -> Item | None:
    """What a record leaves of the item that it is about; None where it agrees to none: what is proposed changes no books before it
    stands in them. item: as it was before, where it was there."""
    kind, _, act = record.op.partition(".")
    if kind not in SECTIONS:
        return None
    said, beside = record.item, record.item.get(BESIDE, {})
    if BESIDE in said:
        said = {name: value for name, value in said.items() if name != BESIDE}
    if act == "create":
        return Item(kind, said, beside, record, record)
    assert item is not None
    # an amendment is one more; update and cancel: other values of the same keys
    changed = {"amendments": [*item.terms.get("amendments", []), said["amendment"]]} if act == "amend" else said
    return replace(item, terms={**item.terms, **changed}, beside={**item.beside, **beside}, record=record)
