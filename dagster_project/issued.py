"""Issued documents on disk: appended a batch at a time, never rewritten (law 7).

`issued/<batch>/` holds the frames of the documents that one run issued, with the ledger entries it posted, and
`contract_facts.parquet`, what may no longer change about their contracts (R-5). The folder appears by one rename.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from datetime import datetime
from pathlib import Path

import polars as pl

from dagster_project import landing
from dagster_project.warehouse import Warehouse, appear, discard
from rating import books, tables
from rating.documents import Documents

CONTRACT_FACTS_FILE = "contract_facts.parquet"


@dataclass(frozen=True, slots=True)
class Batch:
    """What one run issued, as its `batch.json` says."""

    name: str
    as_of: datetime
    books_version: str
    documents: int
    ledger_entries: int
    first_number: str | None
    last_number: str | None
    folder: Path


def batches(warehouse: Warehouse, as_of: datetime | None = None) -> list[Batch]:
    """Batches of runs up to as_of (all without), in order of issue."""
    found = []
    for note in sorted(warehouse.issued.glob("*/batch.json")):
        said = json.loads(note.read_text())
        batch = Batch(note.parent.name, datetime.fromisoformat(said.pop("as_of")), **said, folder=note.parent)
        if as_of is None or batch.as_of <= as_of:
            found.append(batch)
    return found


def latest_as_of(warehouse: Warehouse) -> datetime | None:
    """The as_of of the last run that landed or issued something; None in an empty warehouse."""
    instants = [landed.as_of for landed in landing.landings(warehouse)] + [batch.as_of for batch in batches(warehouse)]
    return max(instants, default=None)


def read(warehouse: Warehouse, as_of: datetime) -> Documents:
    """Every document issued by runs up to as_of, with every posted ledger entry."""
    folders = [batch.folder for batch in batches(warehouse, as_of)]
    return Documents(*(_rows(folders, table) for table in tables.DOCUMENT_TABLES))


def by_table(documents: Documents) -> list[tuple[tables.Table, pl.DataFrame]]:
    """Each frame of the documents with its declaration, in the order of DOCUMENT_TABLES."""
    frames = (getattr(documents, field.name) for field in fields(documents))
    return list(zip(tables.DOCUMENT_TABLES, frames, strict=True))


def together(before: Documents, now: Documents) -> Documents:
    """What was issued before, then what this run issues or drafts."""
    pairs = zip(by_table(before), by_table(now), strict=True)
    return Documents(*(pl.concat([earlier, later]) for (_, earlier), (_, later) in pairs))


def contract_facts(warehouse: Warehouse, as_of: datetime) -> pl.DataFrame:
    """CONTRACT_FACTS of every contract with an issued document, as they were at its first."""
    parts = [pl.read_parquet(batch.folder / CONTRACT_FACTS_FILE) for batch in batches(warehouse, as_of)]
    return pl.concat([books.CONTRACT_FACTS.empty(), *parts]).unique("contract_id", keep="first", maintain_order=True)


def issue(warehouse: Warehouse, documents: Documents, books_now: books.Books, as_of: datetime) -> Batch | None:
    """Make the issued documents of a run and its posted ledger entries durable; None if there is nothing new.

    Either the whole batch is there afterwards or nothing of it, whenever the process dies.
    """
    new = documents.with_status("issued")
    if new.invoices.is_empty() and new.ledger.is_empty():
        return None
    name = f"{len(batches(warehouse)) + 1:06d}"
    building = warehouse.derived / "issuing"
    discard(building)
    building.mkdir(parents=True)
    for table, frame in by_table(new):
        table.require(frame, unique=True).write_parquet(building / f"{table.name}.parquet")
    _facts_of(new, books_now).write_parquet(building / CONTRACT_FACTS_FILE)
    numbers = new.invoices.get_column("number").sort()
    batch = Batch(
        name=name,
        as_of=as_of,
        books_version=books_now.version,
        documents=new.invoices.height,
        ledger_entries=new.ledger.height,
        first_number=numbers.first(),  # type: ignore[arg-type]
        last_number=numbers.last(),  # type: ignore[arg-type]
        folder=warehouse.issued / name,
    )
    (building / "batch.json").write_text(_note(batch))
    appear(building, batch.folder)
    return batch


def _note(batch: Batch) -> str:
    said = {
        "as_of": batch.as_of.isoformat(),
        "books_version": batch.books_version,
        "documents": batch.documents,
        "ledger_entries": batch.ledger_entries,
        "first_number": batch.first_number,
        "last_number": batch.last_number,
    }
    return json.dumps(said, indent=2) + "\n"


def _facts_of(documents: Documents, books_now: books.Books) -> pl.DataFrame:
    return books.contract_facts(books_now).join(documents.invoices, on="contract_id", how="semi", maintain_order="left")


def _rows(folders: list[Path], table: tables.Table) -> pl.DataFrame:
    # strict: a column filled with nulls could bill again what is issued
    parts = [table.require(pl.read_parquet(folder / f"{table.name}.parquet")) for folder in folders]
    return pl.concat([table.empty(), *parts])
