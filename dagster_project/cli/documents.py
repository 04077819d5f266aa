"""`meterhouse documents`: documents as files to send."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from rich.progress import Progress

from dagster_project import settings
from dagster_project.cli.screen import errors, screen
from dagster_project.errors import UserError
from dagster_project.queries import documents as queries
from dagster_project.warehouse.database import published
from dagster_project.warehouse.paths import Warehouse

FORMATS = ("pdf", "html", "csv", "xlsx")
# a process that renders takes a moment to start
FEW = 40
CHUNK = 100
_SAFE = re.compile(r"[^A-Za-z0-9._-]+")
LONGEST_NAME = 80


def documents(warehouse: Path, out: Path, period: str | None, invoice: str | None, formats: Sequence[str]) -> None:
    """Write documents into a folder, one file each and format, and say how many. Raises `UserError` where there is none."""
    month = settings.month(period) if period else None
    wanted = list(dict.fromkeys(name.strip().lower() for one in formats or ("pdf",) for name in one.split(",")))
    if unknown := [name for name in wanted if name not in FORMATS]:
        raise UserError(f"--format {', '.join(unknown)} is none that documents are written in. Write {', '.join(FORMATS)}.")
    if out.exists() and not out.is_dir():
        raise UserError(f"{out} is a file. Name a folder with --out.")
    with published(Warehouse(warehouse)) as marts:
        ids = queries.ids_of(marts, period=month, invoice=invoice)
    out.mkdir(parents=True, exist_ok=True)
    drafts = 0
    with Progress(console=errors, transient=True) as progress:
        task = progress.add_task("Writing documents", total=len(ids))
        for number, of_them_drafts in _written(warehouse, out, ids, wanted):
            drafts += of_them_drafts
            progress.advance(task, number)
    files = len(ids) * len(wanted)
    screen.print(f"{out}: {files:,} files of {len(ids):,} documents, {drafts:,} of them drafts.", soft_wrap=True)


def _written(warehouse: Path, out: Path, ids: Sequence[str], formats: Sequence[str]) -> Iterator[tuple[int, int]]:
    """How many documents were written, and how many drafts among them, chunk by chunk; side by side where there are many."""
    chunks = [ids[first : first + CHUNK] for first in range(0, len(ids), CHUNK)]
    cores = os.cpu_count() or 1
    if len(ids) <= FEW or cores == 1:
        yield from (write(warehouse, out, chunk, formats) for chunk in chunks)
        return
    with ProcessPoolExecutor(cores, mp_context=get_context("spawn")) as pool:
        for future in [pool.submit(write, warehouse, out, chunk, formats) for chunk in chunks]:
            yield future.result()


def write(warehouse: Path, out: Path, ids: Sequence[str], formats: Sequence[str]) -> tuple[int, int]:
    """Write some documents; how many, and how many drafts."""
    from dagster_project.render.documents import FORMATS as RENDERED

    drafts = 0
    with published(Warehouse(warehouse)) as marts:
        for document in queries.documents(marts, ids):
            drafts += document.is_draft
            for name in formats:
                place = out / f"{file_name(document.name)}.{name}"
                building = place.with_name(f".{place.name}.tmp")
                building.write_bytes(RENDERED[name](document))
                building.replace(place)
    return len(ids), drafts


def file_name(name: str) -> str:
    """A document's name as that of a file: safe letters, and a hash where that loses something. Never a path."""
    safe = _SAFE.sub("_", name).strip("._")[:LONGEST_NAME]
    return safe if safe == name else f"{safe}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"
