"""Landed files whose events no longer count (R-114): what was withdrawn, why, and how dbt does not see it.

Withdrawals are appended, never changed; `--undo` appends that one is taken back. Nothing that landed is touched.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from dagster_project.landing import landings
from dagster_project.landing.manifest import Landing
from dagster_project.warehouse.database import connect
from dagster_project.warehouse.files import append_record, records, write_atomically
from dagster_project.warehouse.paths import Warehouse

ADDED_UP = ("staging", "intermediate")  # schemas of what dbt adds up night by night


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """One content of one landed file. as_of: of the last run before it: later runs know it. is_undone: it counts again."""

    file: str
    file_hash: str
    because: str
    as_of: str
    noted_at: str
    is_undone: bool = False


def contents(warehouse: Warehouse, file: str) -> list[tuple[str, datetime, int]]:
    """What has landed under a name: hash, as_of of the landing, events; in order. Releases add to the content they are of."""
    found: dict[str, tuple[datetime, int]] = {}
    for landing in landings(warehouse):
        for landed in landing.files:
            if landed.name == file:
                first, events = found.get(landed.hash, (landing.as_of, 0))
                found[landed.hash] = (first, events + landed.events)
    return [(content, as_of, events) for content, (as_of, events) in found.items()]


def names(known: list[Landing]) -> list[str]:
    """Names under which files have landed."""
    return sorted({landed.name for landing in known for landed in landing.files})


def noted(warehouse: Warehouse) -> list[Withdrawal]:
    """Every withdrawal, in order."""
    return [Withdrawal(**record) for record in records(warehouse.withdrawn)]


def in_force(warehouse: Warehouse, as_of: datetime) -> list[tuple[str, str]]:
    """File and hash of what a run of as_of does not count: withdrawn by hand, or replaced by a later content (R-113, R-114)."""
    by_hand = {(one.file, one.file_hash): one for one in noted(warehouse) if datetime.fromisoformat(one.as_of) <= as_of}
    undone = {place for place, one in by_hand.items() if one.is_undone}
    withdrawn = {*by_hand} - undone
    return sorted(withdrawn | (replaced(landings(warehouse, as_of)) - undone))


def replaced(known: Sequence[Landing]) -> set[tuple[str, str]]:
    """File and hash of contents that landings have replaced by another under the same name."""
    holds = {one.name: one.hash for landing in known for one in landing.replacements}
    landed = {(file.name, file.hash) for landing in known for file in landing.files if file.name in holds}
    return {place for place in landed if holds[place[0]] != place[1]}


def note(warehouse: Warehouse, one: Withdrawal) -> Path:
    """Append a withdrawal, or that it is undone."""
    return append_record(warehouse.withdrawn, asdict(one))


def left_out(warehouse: Warehouse) -> Path:
    """Where it is noted which files dbt's sums leave out."""
    return warehouse.derived / "withdrawn.json"


def prepare(warehouse: Warehouse, withdrawn: list[tuple[str, str]]) -> bool:
    """Let go of what dbt has added up with other files than these left out: it adds up night by night and cannot subtract a file.

    True where all has to be added up anew, also because nothing was yet.
    """
    memory = left_out(warehouse)
    content = json.dumps(withdrawn).encode()
    known = memory.read_bytes() if memory.exists() else b"[]"
    if content != known:
        if warehouse.work_database.exists():
            with connect(warehouse.work_database) as connection:
                for schema in ADDED_UP:
                    connection.execute(f"drop schema if exists {schema} cascade")
        write_atomically(memory, content)
    return content != known or not warehouse.work_database.exists()
