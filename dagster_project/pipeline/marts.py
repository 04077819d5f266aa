"""The marts of a run: begun with those that are published, and published by one rename.

What belongs here: what comes to the marts that are published already (law 8). What does not: the models (dbt/models/marts), and how
the database is copied and renamed (`warehouse/published.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dagster_project.checks import gate
from dagster_project.pipeline.run import Run
from dagster_project.warehouse import contents, dbt_build_cache, issued, published, views
from dagster_project.warehouse.database import checkpoint
from dagster_project.warehouse.files import sha256
from dagster_project.warehouse.issued import Batch
from dagster_project.warehouse.paths import Warehouse
from rating import books, tables

# a source of dbt that holds what the published marts do not is the view of that name behind this
UNPUBLISHED = "unpublished_"


@dataclass(frozen=True, slots=True)
class ToCome:
    """What comes to the marts for good: batches of issued documents, and folders of contents of closed periods, each in order."""

    batches: Sequence[Batch]
    closed: Sequence[Path]

    @classmethod
    def all_of(cls, run: Run) -> ToCome:
        return cls(issued.batches(run.warehouse, run.as_of), contents.laid_out(run.warehouse))

    def held(self) -> published.Held:
        """What marts hold to which all of this has come."""
        last = self.batches[-1] if self.batches else None
        return published.Held(
            dbt_build_cache.project_version(),
            last.name if last else "",
            sha256(last.folder / issued.NOTE) if last else "",
            {folder.name: sha256(folder / contents.PERIODS_FILE) for folder in self.closed},
        )

    def parted(self, held: published.Held) -> tuple[ToCome, ToCome] | None:
        """What has come to marts that hold something, and what they lack; None where they hold what is no part of this."""
        names = [batch.name for batch in self.batches]
        if held.batch and held.batch not in names:
            return None
        count = names.index(held.batch) + 1 if held.batch else 0
        known = ToCome(self.batches[:count], [folder for folder in self.closed if folder.name in held.closed])
        lacking = ToCome(self.batches[count:], [folder for folder in self.closed if folder.name not in held.closed])
        return (known, lacking) if known.held() == held else None


def begin(run: Run) -> None:
    """Begin the staged marts with the published ones, less what may change, and show dbt what comes to them: what was issued and has
    closed since, and this run's own documents. Where there is nothing to begin with, everything comes."""
    house, new = run.warehouse, ToCome.all_of(run)
    published.discard(house)
    held = published.held(house)
    if held is not None and (parts := new.parted(held)) is not None:
        known, lacking = parts
        periods = views.files_or_none(house, contents.NOTED, [folder / contents.PERIODS_FILE for folder in known.closed])
        if published.begin(house, periods, letterheads_of_now(house)):
            new = lacking
    show(house, new)


def show(warehouse: Warehouse, new: ToCome) -> None:
    """Show dbt what comes to the marts: documents of batches and of this run, and contents of closed periods."""
    queries = {
        table.name: rows_of(
            table, [*(batch.folder / issued.file_of(table) for batch in new.batches), _written(warehouse, table)]
        )
        for table in tables.DOCUMENT_TABLES
    }
    kept = [batch.folder / issued.LETTERHEADS_FILE for batch in new.batches if issued.LETTERHEADS_FILE in batch.files]
    queries[books.LETTERHEADS.name] = views.of_files([*kept, letterheads_of_now(warehouse)])
    views.show_queries(warehouse, "rating", {f"{UNPUBLISHED}{name}": query for name, query in queries.items()})
    parts = (contents.USAGE, contents.UNBILLED_USAGE)
    closed = {table: [folder / f"{table.name}.parquet" for folder in new.closed] for table in parts} | {
        contents.NOTED: [folder / contents.PERIODS_FILE for folder in new.closed]
    }
    views.show(
        warehouse,
        "closed",
        {f"{UNPUBLISHED}{table.name}": views.files_or_none(warehouse, table, files) for table, files in closed.items()},
    )


def rows_of(table: tables.Table, files: Sequence[Path]) -> str:
    """A query of files of a table of documents; those of before a column was there hold nothing in it."""
    return f"select {', '.join(table.names)} from ({views.of_files(files)})"


def letterheads_of_now(warehouse: Warehouse) -> Path:
    """The file of LETTERHEADS of this run: of its own documents, and of those that were issued without one."""
    return _written(warehouse, books.LETTERHEADS)


def _written(warehouse: Warehouse, table: tables.Table) -> Path:
    return warehouse.documents / f"{table.name}.parquet"


def publish(run: Run) -> Path:
    """Put the marts of this run in the place that finance reads, by one rename.

    Killed between `issue` and this, the next run builds the marts again from what is issued.
    Raises `UserError` where a law was not looked at or does not hold (R-47).
    """
    gate.require_documents(run.warehouse, run.as_of)
    if run.warehouse.staged_database.exists():
        checkpoint(run.warehouse.staged_database)
        published.publish(run.warehouse, ToCome.all_of(run).held())
    return run.warehouse.database
