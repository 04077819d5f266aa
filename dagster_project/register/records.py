"""Records of the register: appended one after the other, each sealed with the one before it, never changed (R-52b)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

import msgspec
import sqlalchemy as sa

from dagster_project.register.store import records

FIRST = "0" * 64
TRIES = 50


class Taken(Exception):
    """Another request came first under the same idempotency key."""


class Record(NamedTuple):
    """seq: its number. at: naive UTC. by: who agreed to it. item: keys of the books, and what the API keeps beside them."""

    seq: int
    at: datetime
    by: str
    request_id: str
    idempotency_key: str | None
    request_hash: str
    op: str
    item: Mapping[str, Any]
    previous_hash: str
    hash: str

    @property
    def place(self) -> str:
        """As problems and `explain` name it."""
        return f"register record {self.seq} (key {self.by}, {self.at.date()})"


@dataclass(frozen=True, slots=True)
class Draft:
    """What a record will say."""

    by: str
    request_id: str
    request_hash: str
    op: str
    item: Mapping[str, Any]
    idempotency_key: str | None = None


def append(register: sa.Engine, draft: Draft, at: datetime) -> Record:
    """Append a record under the next number. Raises `Taken` where its idempotency key is another's."""
    [record] = append_all(register, [draft], at)
    return record


def append_all(register: sa.Engine, drafts: Sequence[Draft], at: datetime) -> list[Record]:
    """Append records, all or none of them. Raises `Taken` where an idempotency key is another's."""
    if not drafts:
        return []
    for _ in range(TRIES):
        try:
            with register.begin() as connection:
                last = connection.execute(sa.select(records).order_by(records.c.seq.desc()).limit(1)).mappings().first()
                # receipts never go back
                when = max(at, last["at"]) if last else at
                first, before = (last["seq"] + 1, last["hash"]) if last else (1, FIRST)
                found = list[Record]()
                for number, draft in enumerate(drafts, first):
                    found.append(_sealed(draft, number, when, before))
                    before = found[-1].hash
                connection.execute(records.insert(), [_row(record) for record in found])
            return found
        except sa.exc.IntegrityError:
            if any(draft.idempotency_key is not None and by_key(register, draft.idempotency_key) for draft in drafts):
                raise Taken from None  # else another door was quicker: take the next number
        except sa.exc.OperationalError:
            continue  # SQLite is locked by another door for a moment
    raise sa.exc.OperationalError("append", None, Exception("the register is busy"))


def every(register: sa.Engine, as_of: datetime | None = None, *, after: int = 0, of: str | None = None) -> list[Record]:
    """Records up to as_of (all without) that follow a number, in order; of: only these, such as `deal`."""
    query = sa.select(records).where(records.c.seq > after).order_by(records.c.seq)
    if of is not None:
        query = query.where(records.c.op.startswith(f"{of}.", autoescape=True))
    if as_of is not None:
        query = query.where(records.c.at <= as_of)
    with register.connect() as connection:
        return [_read(row) for row in connection.execute(query).all()]


def holds(register: sa.Engine, seq: int, seal: str) -> bool:
    """Whether the record of this number has this hash, and so all before it are those that it was sealed with."""
    with register.connect() as connection:
        return connection.execute(sa.select(records.c.hash).where(records.c.seq == seq)).scalar() == seal


def by_key(register: sa.Engine, idempotency_key: str) -> Record | None:
    with register.connect() as connection:
        row = connection.execute(sa.select(records).where(records.c.idempotency_key == idempotency_key)).first()
    return None if row is None else _read(row)


def broken(found: Sequence[Record]) -> list[str]:
    """A sentence for every record that is not as it was written, or does not follow the one before it."""
    sentences, previous, number = [], FIRST, 0
    for record in found:
        number += 1
        draft = Draft(record.by, record.request_id, record.request_hash, record.op, record.item, record.idempotency_key)
        if record.seq != number or record.previous_hash != previous:
            sentences.append(
                f"The register's record {record.seq} does not follow the one before it: one is missing or was changed."
            )
        elif _sealed(draft, record.seq, record.at, previous).hash != record.hash:
            sentences.append(f"The register's record {record.seq} ({record.op} by {record.by}) is not as it was written.")
        previous, number = record.hash, record.seq
    return sentences


def _sealed(draft: Draft, seq: int, at: datetime, previous: str) -> Record:
    said = [
        seq,
        at.isoformat(),
        draft.by,
        draft.request_id,
        draft.idempotency_key,
        draft.request_hash,
        draft.op,
        draft.item,
        previous,
    ]
    seal = hashlib.sha256(json.dumps(said, sort_keys=True, ensure_ascii=False).encode()).hexdigest()
    return Record(
        seq, at, draft.by, draft.request_id, draft.idempotency_key, draft.request_hash, draft.op, draft.item, previous, seal
    )


def _row(record: Record) -> dict[str, Any]:
    return {name: getattr(record, name) for name in Record._fields} | {"item": json.dumps(record.item, ensure_ascii=False)}


def _read(row: Sequence[Any]) -> Record:
    *before, item, previous_hash, seal = row
    return Record._make((*before, _item(item), previous_hash, seal))


def _item(text: str) -> dict[str, Any]:
    try:
        found: dict[str, Any] = msgspec.json.decode(text)
    except msgspec.DecodeError:  # what only Python writes, such as Infinity
        found = json.loads(text)
    return found
