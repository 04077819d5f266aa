"""Proposals as the register has them: what was synced, edited, dismissed, said and decided, by whom, when and why (R-70)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from dagster_project.deals.drafting import Dismissal, Edit, Touched
from dagster_project.deals.rows import DealRows
from dagster_project.register import records
from dagster_project.register.records import Draft as Said
from dagster_project.register.records import Record

KIND = "deal"
ACTS = ("synced", "edited", "dismissed", "commented", "approved", "rejected", "withdrawn", "applied")
DECIDED = ("approved", "rejected", "withdrawn", "applied")
BY_SYNC = "sync"


@dataclass(frozen=True, slots=True)
class Happening:
    """One line of a proposal's history."""

    act: str
    at: datetime
    by: str
    because: str
    item: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Proposal:
    """A deal, or a change of the books by hand: then rows is empty, and change holds the files. state: open, or as it was decided.

    has_drifted: whether Salesforce says something else than what was approved.
    """

    id: str
    state: str = "open"
    rows: Mapping[str, Any] = field(default_factory=dict)
    touched: Touched = field(default_factory=Touched)
    change: Mapping[str, Any] = field(default_factory=dict)
    approved: Mapping[str, Any] = field(default_factory=dict)
    history: tuple[Happening, ...] = ()
    has_drifted: bool = False

    @property
    def deal(self) -> DealRows:
        return DealRows(self.rows)

    @property
    def rows_of(self) -> str:
        """The opportunity of a deal."""
        return self.deal.opportunity

    @property
    def last_editor(self) -> str | None:
        """Who touched it last, a sync apart."""
        return next((one.by for one in reversed(self.history) if one.act in ("edited", "dismissed", "proposed")), None)

    @property
    def last_decision(self) -> Happening | None:
        return next((one for one in reversed(self.history) if one.act in DECIDED), None)


def every(register: sa.Engine) -> dict[str, Proposal]:
    """All proposals, by id, as their records leave them."""
    return fold(records.every(register, of=KIND))


def fold(found: Iterable[Record], before: Mapping[str, Proposal] | None = None) -> dict[str, Proposal]:
    """Records in order, after those that came before, as the proposals they come to; one that has nothing new stays the same object."""
    proposals = dict(before or {})
    for record in found:
        item, act = record.item, record.op.partition(".")[2]
        known = proposals.get(item["id"], Proposal(item["id"]))
        happening = Happening(act, record.at, record.by, str(item.get("because") or ""), item)
        proposals[known.id] = _after(replace(known, history=(*known.history, happening)), act, record, item)
    return proposals


def _after(before: Proposal, act: str, record: Record, item: Mapping[str, Any]) -> Proposal:
    touched = before.touched
    if act == "synced":
        if before.state in ("approved", "applied"):
            return replace(before, rows=item["rows"], has_drifted=_differs(before.approved, item["rows"]))
        changed = [*touched.changed, *_differences(before.rows, item["rows"])] if before.rows else []
        return replace(before, rows=item["rows"], touched=replace(touched, changed=changed))
    if act == "proposed":
        return replace(before, change=item)
    if act == "edited":
        edit = Edit(item["value"], record.by, f"{record.at:%Y-%m-%dT%H:%M:%SZ}", item["because"], item["over"])
        return replace(before, touched=replace(touched, edits={**touched.edits, item["term"]: edit}))
    if act == "dismissed":
        dismissal = Dismissal(record.by, f"{record.at:%Y-%m-%dT%H:%M:%SZ}", item["because"], item["of"])
        return replace(before, touched=replace(touched, dismissals={**touched.dismissals, item["point"]: dismissal}))
    if act == "approved":
        return replace(before, state="approved", approved=item, has_drifted=_differs(item, before.rows))
    if act in ("rejected", "withdrawn", "applied"):
        return replace(before, state=act)
    return before


def _differs(approved: Mapping[str, Any], rows: Mapping[str, Any]) -> bool:
    return bool(rows) and approved.get("rows_hash") != digest(rows)


def _differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[tuple[str, str, str, str | None, str | None]]:
    """Fields of records on both sides that say something else now; a record that came or went shows as line."""
    return [
        (kind, key, name, was.get(name), becomes.get(name))
        for kind, records_ in after.items()
        for key, becomes in records_.items()
        if (was := before.get(kind, {}).get(key)) is not None
        for name in sorted({*was, *becomes})
        if was.get(name) != becomes.get(name)
    ]


def digest(data: Mapping[str, Any]) -> str:
    """SHA-256 of plain data, whatever order it is in."""
    return hashlib.sha256(json.dumps(data, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def note(
    register: sa.Engine, act: str, proposal: str, by: str, at: datetime, said: Mapping[str, Any], *, once: str | None = None
) -> Record:
    """Append to a proposal's history. Raises `records.Taken` where somebody else did what can be done once only."""
    return records.append(register, _said(act, proposal, by, said, once), at)


def again(register: sa.Engine, before: Proposal, at: datetime) -> str:
    """A new proposal of the same opportunity, with the rows of the last sync; its id."""
    known = every(register)
    number = 2
    while (found := f"deal-{before.rows_of}-{number}") in known:
        number += 1
    note(register, "synced", found, BY_SYNC, at, {"rows": before.rows})
    return found


def _said(act: str, proposal: str, by: str, said: Mapping[str, Any], once: str | None = None) -> Said:
    item = {"id": proposal, **said}
    return Said(by, "", digest(item), f"{KIND}.{act}", item, once)


def sync(
    register: sa.Engine, known: Mapping[str, Proposal], found: Sequence[DealRows], at: datetime
) -> tuple[list[str], list[str]]:
    """Note rows that are new or others than they were; the ids of new and of changed proposals. known: all proposals."""
    new, changed, noted = list[str](), list[str](), list[Said]()
    latest = {one.rows_of: one.id for one in known.values() if one.rows}
    for rows in found:
        proposal = latest.get(rows.opportunity, f"deal-{rows.opportunity}")
        plain = {kind: {key: dict(row) for key, row in held.items()} for kind, held in rows.records.items()}
        before = known.get(proposal)
        if before is not None and before.rows == plain:
            continue
        noted.append(_said("synced", proposal, BY_SYNC, {"rows": plain}))
        (new if before is None else changed).append(proposal)
    records.append_all(register, noted, at)
    return new, changed
