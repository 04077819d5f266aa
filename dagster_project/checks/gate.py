"""The one gate before anything is issued or published: every law of this very run has been looked at and holds (R-47).

Whoever issues or publishes, a command, a job or a single asset, passes here. What has been looked at is noted in derived/, by as_of and
by the hash of the documents that it was looked at for; where either is another, it counts for nothing.

What belongs here: what must have been looked at. What does not: looking (`proofs`, dbt's tests, expectations).
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from dagster_project.errors import UserError
from dagster_project.warehouse.files import write_atomically
from dagster_project.warehouse.paths import Warehouse

# what holds of usage, before anything is rated
USAGE_TESTS, USAGE_EXPECTATIONS = "tests of the usage models", "expectations of usage"
# what holds of documents
LAWS, LINE_EXPECTATIONS = "laws of documents", "expectations of invoice lines"
FINANCE_TESTS, DISPOSITIONS = "tests of the finance models", "balance of dispositions"
OF_USAGE = (USAGE_TESTS, USAGE_EXPECTATIONS)
OF_DOCUMENTS = (LAWS, LINE_EXPECTATIONS, FINANCE_TESTS, DISPOSITIONS)


@dataclass(slots=True)
class _Noted:
    """as_of: of the run that was looked at. documents: hash of its documents, None before they are written. holds: what holds."""

    as_of: datetime | None = None
    documents: str | None = None
    holds: set[str] = field(default_factory=set)


def begin(warehouse: Warehouse, as_of: datetime) -> None:
    """Usage is made anew: nothing that was looked at before counts."""
    _write(warehouse, _Noted(as_of))


def hold(warehouse: Warehouse, as_of: datetime, law: str, *, holds: bool) -> None:
    """Note whether a law holds of the run of as_of; ignored where the warehouse holds another run's work."""
    noted = _read(warehouse)
    if noted.as_of == as_of:
        noted.holds = noted.holds | {law} if holds else noted.holds - {law}
        _write(warehouse, noted)


def require_usage(warehouse: Warehouse, as_of: datetime) -> None:
    """Raise `UserError` unless the usage in the warehouse is of this run and every law of usage holds."""
    _require(_read(warehouse), as_of, OF_USAGE, "usage")


def documents_written(warehouse: Warehouse, as_of: datetime) -> None:
    """The documents are others now: what was looked at of those before counts no more."""
    noted = _read(warehouse)
    holds = {law for law in noted.holds if law in OF_USAGE} if noted.as_of == as_of else set()
    _write(warehouse, _Noted(as_of, _hash(warehouse), holds))


def require_documents(warehouse: Warehouse, as_of: datetime) -> None:
    """Raise `UserError` unless the documents in the warehouse are of this run, and every law of usage and documents holds of them."""
    noted = _read(warehouse)
    _require(noted, as_of, (*OF_USAGE, *OF_DOCUMENTS), "documents")
    if noted.documents != _hash(warehouse):
        raise UserError(
            f"{warehouse.root}: the documents in this warehouse are not those that were looked at. Nothing was issued or published; "
            "run again."
        )


def _require(noted: _Noted, as_of: datetime, laws: tuple[str, ...], what: str) -> None:
    if noted.as_of != as_of:
        made_by = f"made by the run of {noted.as_of:%Y-%m-%dT%H:%M:%SZ}" if noted.as_of else "made by no run"
        raise UserError(
            f"In this warehouse lie {what} {made_by}, and this step is of {as_of:%Y-%m-%dT%H:%M:%SZ}. Run the steps before it with the "
            "same as_of, or the whole job `nightly`."
        )
    missing = [law for law in laws if law not in noted.holds]
    if missing:
        raise UserError(
            f"Nothing goes on: of the run of {as_of:%Y-%m-%dT%H:%M:%SZ} the {' and the '.join(missing)} have not been looked at, or do "
            "not hold. Run the whole job `nightly` (or `meterhouse run`); it says what does not hold."
        )


def _hash(warehouse: Warehouse) -> str:
    content = hashlib.sha256()
    for path in sorted(warehouse.documents.glob("*.parquet")):
        content.update(path.name.encode() + hashlib.sha256(path.read_bytes()).digest())
    return content.hexdigest()


def _write(warehouse: Warehouse, noted: _Noted) -> None:
    said: dict[str, Any] = {
        "as_of": noted.as_of.isoformat() if noted.as_of else None,
        "documents": noted.documents,
        "holds": sorted(noted.holds),
    }
    write_atomically(warehouse.gate, json.dumps(said).encode())


def _read(warehouse: Warehouse) -> _Noted:
    """What is noted; nothing where that cannot be read."""
    try:
        said = json.loads(warehouse.gate.read_bytes())
        return _Noted(datetime.fromisoformat(said["as_of"]), said["documents"], set(said["holds"]))
    except (OSError, ValueError, TypeError, KeyError):
        return _Noted()
