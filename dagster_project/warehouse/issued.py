"""Issued documents on disk: appended a batch at a time, never rewritten (law 7).

`issued/<batch>/` holds the frames of the documents that one run issued, with the ledger entries it posted, and
`contract_facts.parquet`, what may no longer change about their contracts (R-5). The folder appears by one rename.

`batch.json` seals it: the SHA-256 of every file, that of the `batch.json` before it (so batches are a chain), and its own.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from pathlib import Path

import polars as pl

from dagster_project import landing
from dagster_project.errors import UserError
from dagster_project.warehouse.files import SeenHashes, publish_atomically, remove, sha256
from dagster_project.warehouse.paths import Warehouse
from rating import books, tables
from rating.documents import Documents

CONTRACT_FACTS_FILE = "contract_facts.parquet"
LETTERHEADS_FILE = "letterheads.parquet"
NOTE = "batch.json"
RESTORE = "Put the folder back from a backup; until then nothing more can be issued."


@dataclass(frozen=True, slots=True)
class Batch:
    """What one run issued, as its `batch.json` says.

    files: SHA-256 by name of file. previous: SHA-256 of the `batch.json` before it; None for the first.
    """

    name: str
    as_of: datetime
    books_version: str
    documents: int
    ledger_entries: int
    first_number: str | None
    last_number: str | None
    files: Mapping[str, str]
    previous: str | None
    folder: Path


@dataclass(frozen=True, slots=True)
class IntegrityIssue:
    """What is wrong with a batch or a file of it, in a sentence."""

    folder: Path
    says: str


def place(folder: Path, name: str) -> str:
    return f"issued/{folder.name}/{name}"


def file_of(table: tables.Table) -> str:
    return f"{table.name}.parquet"


FILES = (*map(file_of, tables.DOCUMENT_TABLES), CONTRACT_FACTS_FILE, LETTERHEADS_FILE)
# batches of before there were documents to send have none of these
LATER_FILES = {LETTERHEADS_FILE}


def folders(warehouse: Warehouse) -> list[Path]:
    """Folders of the issued store, in order."""
    return sorted(path for path in warehouse.issued.glob("*") if path.is_dir())


def survey(warehouse: Warehouse) -> tuple[list[Batch], list[IntegrityIssue]]:
    """Batches whose `batch.json` is as it was written, in order of issue, and what is wrong with the others and with the chain."""
    found, faults = [], []
    before: Path | None = None
    for number, folder in enumerate(folders(warehouse), 1):
        if folder.name != _name(number):
            faults.append(IntegrityIssue(folder, f"issued/{folder.name} stands where issued/{_name(number)} should."))
        batch = _read_note(folder / NOTE)
        if batch is None:
            is_there = (folder / NOTE).exists()
            faults.append(
                IntegrityIssue(folder, f"{place(folder, NOTE)} is {'not as it was written' if is_there else 'missing'}.")
            )
        else:
            found.append(batch)
            if not _follows(batch, before):
                faults.append(IntegrityIssue(folder, f"{place(folder, NOTE)} does not follow the batch that stands before it."))
        before = folder / NOTE
    return found, faults


def batches(warehouse: Warehouse, as_of: datetime | None = None) -> list[Batch]:
    """Batches of runs up to as_of (all without), in order of issue. Raises `UserError` where the store is not as it was written."""
    found, faults = survey(warehouse)
    _refuse(warehouse, faults)
    return [batch for batch in found if as_of is None or batch.as_of <= as_of]


def faults_of_files(
    batch: Batch, names: Iterable[str] = FILES, hash_of: Callable[[Path], str] = sha256
) -> list[IntegrityIssue]:
    """Files of a batch that are missing, or not the bytes that were issued."""
    faults = []
    for name in names:
        if name in LATER_FILES and name not in batch.files:
            continue
        path = batch.folder / name
        if not path.exists():
            faults.append(IntegrityIssue(batch.folder, f"{place(batch.folder, name)} is missing."))
        elif hash_of(path) != batch.files[name]:
            faults.append(
                IntegrityIssue(batch.folder, f"{place(batch.folder, name)} is not as it was issued: its SHA-256 differs.")
            )
    return faults


def latest_as_of(warehouse: Warehouse) -> datetime | None:
    """The as_of of the last run that landed or issued something; None in an empty warehouse."""
    instants = [landed.as_of for landed in landing.landings(warehouse)] + [batch.as_of for batch in batches(warehouse)]
    return max(instants, default=None)


def read(warehouse: Warehouse, as_of: datetime) -> Documents:
    """Every document issued by runs up to as_of, with every posted ledger entry.

    Raises `UserError` for a file that is not the bytes that were issued: what it says could be billed again, or taken back.
    """
    known = _sound(warehouse, as_of, map(file_of, tables.DOCUMENT_TABLES))
    return Documents(*(_rows(known, table) for table in tables.DOCUMENT_TABLES))


def read_headers(warehouse: Warehouse, as_of: datetime) -> Documents:
    """As `read`, without lines, tiers and shares: what a run needs of every document ever issued."""
    kept = (tables.INVOICES, tables.CREDIT_LEDGER)
    known = _sound(warehouse, as_of, map(file_of, kept))
    return Documents(*(_rows(known, table) if table in kept else table.empty() for table in tables.DOCUMENT_TABLES))


def with_lines(warehouse: Warehouse, headers: Documents, as_of: datetime, wanted: pl.Series) -> Documents:
    """The documents of `read_headers` with the lines and shares of some, and every line that was billed in advance.

    wanted: their invoice_ids. Nothing that is rated again needs tiers. Raises `UserError` as `read` does, also for a file of which
    nothing is wanted, for the marts show it.
    """
    known = _sound(warehouse, as_of, map(file_of, (tables.INVOICE_LINES, tables.TIER_CHARGES, tables.LINE_SHARES)))
    is_wanted = pl.col("invoice_id").is_in(wanted.implode())
    in_advance = pl.col("service_start").is_not_null()
    return replace(
        headers,
        lines=_rows(
            known, tables.INVOICE_LINES, lambda names: is_wanted | in_advance if "service_start" in names else is_wanted
        ),
        shares=_rows(known, tables.LINE_SHARES, lambda _: is_wanted),
    )


def letterheads(warehouse: Warehouse, as_of: datetime) -> list[Path]:
    """The files of LETTERHEADS of runs up to as_of; batches of before there were any have none."""
    return [
        batch.folder / LETTERHEADS_FILE
        for batch in _sound(warehouse, as_of, [LETTERHEADS_FILE])
        if LETTERHEADS_FILE in batch.files
    ]


def issued_at(warehouse: Warehouse, as_of: datetime) -> Documents:
    """What a run of this very as_of has issued before, if there was one."""
    known = [batch for batch in batches(warehouse, as_of) if batch.as_of == as_of]
    return Documents(*(_rows(known, table) for table in tables.DOCUMENT_TABLES))


def by_table(documents: Documents) -> list[tuple[tables.Table, pl.DataFrame]]:
    """Each frame of the documents with its declaration, in the order of DOCUMENT_TABLES."""
    frames = (getattr(documents, field.name) for field in fields(documents))
    return list(zip(tables.DOCUMENT_TABLES, frames, strict=True))


def concat(before: Documents, now: Documents) -> Documents:
    """What was issued before, then what this run issues or drafts."""
    pairs = zip(by_table(before), by_table(now), strict=True)
    return Documents(*(pl.concat([earlier, later]) for (_, earlier), (_, later) in pairs))


def contract_facts(warehouse: Warehouse, as_of: datetime) -> pl.DataFrame:
    """CONTRACT_FACTS of every contract with an issued document, as they were at its first."""
    parts = [pl.read_parquet(batch.folder / CONTRACT_FACTS_FILE) for batch in _sound(warehouse, as_of, [CONTRACT_FACTS_FILE])]
    # earlier batches may know fewer facts
    return pl.concat([books.CONTRACT_FACTS.empty(), *parts], how="diagonal").unique(
        "contract_id", keep="first", maintain_order=True
    )


def issue(warehouse: Warehouse, documents: Documents, books_now: books.Books, as_of: datetime) -> Batch | None:
    """Make the issued documents of a run and its posted ledger entries durable; None if there is nothing new.

    Either the whole batch is there afterwards or nothing of it, whenever the process dies.
    """
    new = documents.with_status("issued")
    if new.invoices.is_empty() and new.ledger.is_empty():
        return None
    earlier = batches(warehouse)
    name = _name(len(earlier) + 1)
    building = warehouse.derived / "issuing"
    remove(building)
    building.mkdir(parents=True)
    for table, frame in by_table(new):
        table.require(frame, unique=True).write_parquet(building / file_of(table))
    _facts_of(new, books_now).write_parquet(building / CONTRACT_FACTS_FILE)
    books.letterheads(books_now, new.invoices).write_parquet(building / LETTERHEADS_FILE)
    numbers = new.invoices.get_column("number").sort()
    batch = Batch(
        name=name,
        as_of=as_of,
        books_version=books_now.version,
        documents=new.invoices.height,
        ledger_entries=new.ledger.height,
        first_number=numbers.first(),  # type: ignore[arg-type]
        last_number=numbers.last(),  # type: ignore[arg-type]
        files={file: sha256(building / file) for file in FILES},
        previous=sha256(earlier[-1].folder / NOTE) if earlier else None,
        folder=warehouse.issued / name,
    )
    (building / NOTE).write_bytes(sealed(batch))
    publish_atomically(building, batch.folder)
    return batch


def _name(number: int) -> str:
    return f"{number:06d}"


def sealed(batch: Batch) -> bytes:
    """The `batch.json` of a batch, with its own hash."""
    said = {
        "as_of": batch.as_of.isoformat(),
        "books_version": batch.books_version,
        "documents": batch.documents,
        "ledger_entries": batch.ledger_entries,
        "first_number": batch.first_number,
        "last_number": batch.last_number,
        "files": dict(batch.files),
        "previous": batch.previous,
    }
    # no batch after the last one vouches for its note, so a note vouches for itself
    seal = hashlib.sha256(json.dumps(said).encode()).hexdigest()
    return (json.dumps(said | {"seal": seal}, indent=2) + "\n").encode()


def _read_note(note: Path) -> Batch | None:
    """What a `batch.json` says; None unless it is byte for byte what `sealed` would write."""
    try:
        written = note.read_bytes()
        said = json.loads(written)
        del said["seal"]
        batch = Batch(note.parent.name, datetime.fromisoformat(said.pop("as_of")), **said, folder=note.parent)
        is_whole = sealed(batch) == written and set(FILES) - LATER_FILES <= set(batch.files) <= set(FILES)
    except (FileNotFoundError, ValueError, TypeError, KeyError):
        return None
    return batch if is_whole else None


def _follows(batch: Batch, before: Path | None) -> bool:
    if before is None:
        return batch.previous is None
    # a note that is damaged is named by itself
    return _read_note(before) is None or batch.previous == sha256(before)


def _sound(warehouse: Warehouse, as_of: datetime, names: Iterable[str]) -> list[Batch]:
    """Batches of runs up to as_of whose files of these names are the bytes that were issued; `UserError` for any other."""
    found, looked_at = batches(warehouse, as_of), list(names)
    seen = SeenHashes(warehouse.derived / "issued_hashes.json")
    _refuse(warehouse, [fault for batch in found for fault in faults_of_files(batch, looked_at, seen.of)])
    seen.keep()
    return found


def _refuse(warehouse: Warehouse, faults: list[IntegrityIssue]) -> None:
    if faults:
        raise UserError(*(f"{warehouse.root}: {fault.says}" for fault in faults), RESTORE)


def _facts_of(documents: Documents, books_now: books.Books) -> pl.DataFrame:
    return books.contract_facts(books_now).join(documents.invoices, on="contract_id", how="semi", maintain_order="left")


def _rows(known: list[Batch], table: tables.Table, wanted: Callable[[Sequence[str]], pl.Expr] | None = None) -> pl.DataFrame:
    """The rows of batches; wanted: which, given the columns of a file (one of before a column was there lacks it)."""
    parts = []
    for batch in known:
        rows = pl.scan_parquet(batch.folder / file_of(table))
        if wanted is not None:
            rows = rows.filter(wanted(rows.collect_schema().names()))
        # strict: a column filled with nulls could bill again what is issued
        parts.append(table.frame(rows.collect()))
    return pl.concat([table.empty(), *parts])
