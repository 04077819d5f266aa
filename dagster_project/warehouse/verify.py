"""What issued documents say, held against what they said when they were issued.

What belongs here: reading the issued store as a stranger would, damage included, and naming what differs. What does not:
mending it; nothing here writes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet

from dagster_project import landing
from dagster_project.checks import invariants
from dagster_project.errors import UserError
from dagster_project.register.place import existing_register
from dagster_project.warehouse import issued
from dagster_project.warehouse.issued import Batch
from dagster_project.warehouse.paths import Warehouse
from rating import tables
from rating.documents import Documents
from rating.invoicing.issue import content_texts

SHOWN = 20
DAMAGE = (
    OSError,
    ValueError,
    pa.ArrowException,
    pl.exceptions.PolarsError,
    pl.exceptions.PanicException,
    tables.SchemaMismatch,
)


@dataclass(frozen=True, slots=True)
class _Held:
    """What can be read of a batch; None for a file that cannot."""

    folder: Path
    invoices: pl.DataFrame | None
    lines: pl.DataFrame | None
    ledger: pl.DataFrame | None

    @property
    def documents(self) -> Documents | None:
        """Its documents, without tiers and shares; None unless all else can be read."""
        if self.invoices is None or self.lines is None or self.ledger is None:
            return None
        return Documents(self.invoices, self.lines, tables.TIER_CHARGES.empty(), tables.LINE_SHARES.empty(), self.ledger)

    @property
    def contents(self) -> pl.DataFrame:
        """number, invoice_id, then, now: the hash a document was issued with, and that of its rows; empty where they cannot be read."""
        if self.invoices is None or self.lines is None:
            return pl.DataFrame(schema=dict.fromkeys(("number", "invoice_id", "then", "now"), pl.String))
        now = [hashlib.sha256(text.encode()).hexdigest() for text in content_texts(self.invoices, self.lines)]
        return self.invoices.select("number", "invoice_id", then="content_hash", now=pl.Series(now, dtype=pl.String))


def findings(warehouse: Warehouse, register: str | None = None) -> list[str]:
    """A sentence for everything that is not as it was issued or landed; none when all is well.

    Every Parquet file of raw events and quarantine against the SHA-256 in its landing's record. Of the issued store:
    Every file against its SHA-256, the chain of batches, every document against its content_hash, and the laws of documents:
    totals, credits, balances, numbers (R-32, R-37, R-40).
    """
    batches, faults = issued.survey(warehouse)
    noted = {batch.folder: batch for batch in batches}
    sentences: list[str] = []
    store = [_read(folder) for folder in issued.folders(warehouse)]
    for held in store:
        batch = noted.get(held.folder)
        damage = [fault for fault in faults if fault.folder == held.folder]
        if batch is not None:
            damage += issued.faults_of_files(batch)
        contents = held.contents
        documents = _documents(contents, batch) if damage else ""
        sentences += [f"{fault.says} {documents}" for fault in damage]
        sentences += _changed_documents(held.folder, contents)
    return [*sentences, *_broken_laws(store), *landing.changed_files(warehouse), *_register(warehouse, register)]


def _register(warehouse: Warehouse, register: str | None) -> list[str]:
    """What is wrong with the chain of the register's records, where the warehouse holds one (R-52b)."""
    location = register or existing_register(warehouse)
    if location is None:
        return []
    from sqlalchemy.exc import SQLAlchemyError

    from dagster_project.register import records
    from dagster_project.register.store import opened

    try:
        return records.broken(records.every(opened(location)))
    except (UserError, SQLAlchemyError) as error:
        return [f"The register {location} cannot be read: {str(error).splitlines()[0]}"]


# --- the documents of a batch ------------------------------------------------------------------------------------------------

UNCHANGED = pl.col("now") == pl.col("then")


def _changed_documents(folder: Path, contents: pl.DataFrame) -> list[str]:
    """Documents whose rows no longer give the hash they were issued with."""
    return [
        f"{_called(number, invoice_id)} in issued/{folder.name} is not what was issued: "
        f"its content_hash is {then[:12]}…, its rows give {now[:12]}…."
        for number, invoice_id, then, now in contents.filter(~UNCHANGED).iter_rows()
    ]


def _documents(contents: pl.DataFrame, batch: Batch | None) -> str:
    """The documents of a batch: by the numbers in its `batch.json`, with the ids that can be trusted; else as they can be read."""
    if batch is not None:
        named = _numbers(batch).join(contents.filter(UNCHANGED), on="number", how="left", maintain_order="left")
    elif contents.height:
        named = contents.sort("number")
    else:
        return "Which documents it holds can no longer be read."
    if named.is_empty():
        return "It holds no document, only entries of the credit ledger."
    more = f" and {named.height - SHOWN:,} more, up to {named.item(-1, 'number')}" if named.height > SHOWN else ""
    shown = named.head(SHOWN).select("number", "invoice_id").iter_rows()
    return f"It holds {', '.join(_called(*row) for row in shown)}{more}."


def _numbers(batch: Batch) -> pl.DataFrame:
    """number: every one that the batch gave, in order; they have no gap."""
    if batch.first_number is None or batch.last_number is None:
        return pl.DataFrame(schema={"number": pl.String})
    first, last = (int(number.removeprefix("INV-")) for number in (batch.first_number, batch.last_number))
    return pl.DataFrame({"number": [f"INV-{number:06d}" for number in range(first, last + 1)]})


def _called(number: str | None, invoice_id: str | None) -> str:
    return f"{number} ({invoice_id})" if invoice_id else str(number)


# --- the laws ----------------------------------------------------------------------------------------------------------------


def _broken_laws(store: Iterable[_Held]) -> list[str]:
    """Laws that the documents of the whole store break; not asked where some cannot be read: what is missing would break them."""
    every = Documents.none()
    for held in store:
        if held.documents is None:
            return []
        every = issued.concat(every, held.documents)
    try:
        broken = [proof for proof in invariants.of_documents(every) if not proof.holds]
    except pl.exceptions.PolarsError as error:
        return [f"What is issued can no longer be added up: {error}."]
    return [f"{proof.says} {_rows(proof.counterexamples)}." for proof in broken]


def _rows(frame: pl.DataFrame) -> str:
    said = [
        ", ".join(f"{name} {value}" for name, value in row.items() if value is not None) for row in frame.iter_rows(named=True)
    ]
    return "; ".join(said)


# --- files -------------------------------------------------------------------------------------------------------------------


def _read(folder: Path) -> _Held:
    return _Held(folder, *(_frame(folder, table) for table in (tables.INVOICES, tables.INVOICE_LINES, tables.CREDIT_LEDGER)))


def _with_later_columns(rows: pa.Table, table: tables.Table, declared: pa.Schema) -> pa.Table:
    """Files of before a column was there hold nothing in it."""
    absent = [column.name for column in table.columns if column.nullable and column.name not in rows.schema.names]
    if not absent:
        return rows
    for name in absent:
        rows = rows.append_column(declared.field(name), pa.nulls(rows.num_rows, declared.field(name).type))
    return rows.select([name for name in declared.names if name in rows.schema.names])


def _frame(folder: Path, table: tables.Table) -> pl.DataFrame | None:
    """The rows of a file, or None if it is missing or damaged beyond reading."""
    # Arrow answers damage with an error, where Polars would panic: Polars sees only what Arrow has found to be sound
    declared = table.empty().to_arrow().schema
    try:
        rows = _with_later_columns(pa.parquet.read_table(folder / issued.file_of(table)), table, declared)
        if not rows.schema.equals(declared):
            return None
        rows.validate(full=True)
        # the cast brings the declared names and metadata, within lists too
        frame = table.require(pl.DataFrame(rows.cast(declared)))
    except DAMAGE:
        return None
    return frame if _is_on_the_calendar(frame) else None


def _is_on_the_calendar(frame: pl.DataFrame) -> bool:
    """Whether every date has a year that can be written down."""
    return bool(frame.select(pl.all_horizontal(pl.col(pl.Date).is_between(date.min, date.max).all())).item())
