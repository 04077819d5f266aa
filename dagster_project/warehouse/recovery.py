"""Files of a warehouse that can no longer be read: what is derived is removed, what is appended only is named for a person.

What belongs here: telling which files are damaged. What does not: what a run does about it (`failure_report.py`), and whether issued
documents are what was issued (`verify.py`).
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet

from dagster_project import landing
from dagster_project.errors import UserError
from dagster_project.warehouse.database import connect, log_of
from dagster_project.warehouse.files import remove
from dagster_project.warehouse.paths import Warehouse

# `meterhouse explain --events` of a colleague holds the events for less than that
PATIENCE_SECONDS = 10.0
ASKED_AGAIN_SECONDS = 0.2


def shed_what_does_not_open(warehouse: Warehouse) -> None:
    """Remove the databases of derived/ that cannot even be opened, before a run rests on them; they are built again.

    Raises `UserError` where another program holds one open.
    """
    for database in (warehouse.work_database, warehouse.staged_database):
        if database.exists() and not _is_sound(database, _opens):
            _discard_database(database)


def opens(database: Path) -> bool:
    """Whether a database is there and can be opened by a reader."""
    try:
        connect(database, read_only=True).close()
    except duckdb.Error:
        return False
    return True


def remove_what_is_derived(warehouse: Warehouse) -> list[str]:
    """Remove what is derived and cannot be read to its end; the names of what that was.

    Raises `UserError` where another program holds a database open.
    """
    removed = []
    for database in (warehouse.work_database, warehouse.staged_database, warehouse.database):
        if database.exists() and not _is_sound(database, _reads):
            removed.append(_name(warehouse, database))
            if database == warehouse.database:
                # readers keep it until a sound one is renamed into its place
                remove(warehouse.published_stamp)
            else:
                _discard_database(database)
    for folder in (
        warehouse.books,
        warehouse.schedule,
        warehouse.usage,
        warehouse.documents,
        warehouse.pending,
        warehouse.contents_index,
        warehouse.closed_contents,
    ):
        if any(_fault(file) for file in sorted(folder.rglob("*.parquet"))):
            removed.append(_name(warehouse, folder))
            remove(folder)
    return removed


def landed_files(warehouse: Warehouse) -> list[str]:
    """A sentence for every landed Parquet file that is missing or cannot be read to its end."""
    return [
        f"{warehouse.root / file.path} {fault}: {file.rows:,} rows of {_of(landed)}."
        for landed in landing.stored(warehouse)
        for file in (*landed.event_files, *landed.quarantine_files)
        if (fault := _fault(warehouse.root / file.path, file.rows))
    ]


# --- databases ---------------------------------------------------------------------------------------------------------------


def _opens(database: Path) -> None:
    connect(database).close()


def _reads(database: Path) -> None:
    with connect(database, read_only=True) as connection:
        # views look at files, which are looked at by themselves
        for name in connection.sql('select format(\'"{}"."{}"\', schema_name, table_name) from duckdb_tables()').fetchall():
            connection.execute(f"select bit_xor(hash(row)) from {name[0]} as row").fetchall()


def _is_sound(database: Path, look: Callable[[Path], None]) -> bool:
    """Whether it bears a look; another program is given time to let go of it, and then `UserError` raised."""
    until = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            look(database)
        except duckdb.ConnectionException:
            return True  # this process itself has it open
        except duckdb.Error as error:
            if (holder := _holder(error)) is None:
                return False
            if time.monotonic() > until:
                raise UserError(
                    f"{database} is open in another program{holder}. Nothing was issued; close it there, then run again."
                ) from None
            time.sleep(ASKED_AGAIN_SECONDS)
        else:
            return True


def _holder(error: duckdb.Error) -> str | None:
    """Who holds a database, as DuckDB says it; None where the error is about something else."""
    if "Could not set lock" not in str(error):
        return None
    process = re.search(r"\(PID \d+\)", str(error))
    return f" {process.group()}" if process else ""


def _discard_database(database: Path) -> None:
    remove(log_of(database))
    remove(database)


# --- Parquet -----------------------------------------------------------------------------------------------------------------


def _fault(path: Path, rows: int | None = None) -> str | None:
    """What is wrong with a Parquet file that is read to its end; rows: as many as it must hold."""
    if not path.exists():
        return "is missing"
    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            found = sum(_checked(file.iter_batches()))
    except (OSError, ValueError, pa.ArrowException):
        return "is damaged"
    return "is not what was landed" if rows is not None and found != rows else None


def _checked(batches: Iterator[pa.RecordBatch]) -> Iterator[int]:
    for batch in batches:
        batch.validate(full=True)
        yield batch.num_rows


def _of(stored: landing.Landing | landing.Compaction) -> str:
    if isinstance(stored, landing.Compaction):
        return landing.described(stored)
    names = [file.name for file in stored.files]
    more = f" and {len(names) - 3:,} files more" if len(names) > 3 else ""
    return f"{landing.described(stored)} ({', '.join(names[:3])}{more})"


def _name(warehouse: Warehouse, path: Path) -> str:
    return path.relative_to(warehouse.root).as_posix()
