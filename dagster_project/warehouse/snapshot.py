"""A warehouse to rehearse in: what a `--dry-run` sees and may overwrite (R-46).

A temporary folder that shows the real warehouse as it was known at as_of. What is appended only is linked, never copied;
the real warehouse is not written to, nor locked.
"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from dagster_project.warehouse import issued
from dagster_project.warehouse.paths import REGISTER, Warehouse


@contextlib.contextmanager
def rehearsed(warehouse: Warehouse, as_of: datetime, *, with_issued: bool = True) -> Iterator[Warehouse]:
    """A warehouse that holds what runs up to as_of landed and, unless that is not wanted, issued; gone when the block ends."""
    with tempfile.TemporaryDirectory(prefix="meterhouse-") as folder:
        stage = Warehouse(Path(folder))
        # what was unmatched and what was counted when it was issued is part of what was issued
        for folder in ("raw_events", "quarantine", *(("unmatched", "contents") if with_issued else ())):
            real, shown = warehouse.root / folder, stage.root / folder
            _link_files(real, shown)
        if warehouse.landings.exists():
            # landings are few and small, and a landing rewrites none: the reader passes over those after as_of
            shutil.copytree(warehouse.landings, stage.landings)
        for noted, shown in ((warehouse.withdrawn, stage.withdrawn), (warehouse.acknowledged, stage.acknowledged)):
            if noted.exists():
                shutil.copytree(noted, shown)
        if (register := warehouse.root / REGISTER).exists():
            shutil.copy(register, stage.root / REGISTER)
        stage.issued.mkdir(parents=True)
        for batch in issued.batches(warehouse, as_of) if with_issued else ():
            (stage.issued / batch.name).symlink_to(batch.folder.resolve(), target_is_directory=True)
        if with_issued and not looks_at_the_past(warehouse, as_of) and warehouse.pending.exists():
            shutil.copytree(warehouse.pending, stage.pending)
        yield stage


def looks_at_the_past(warehouse: Warehouse, as_of: datetime) -> bool:
    """Whether a later run has landed or issued: then the inbox holds what as_of could not know."""
    latest = issued.latest_as_of(warehouse)
    return latest is not None and as_of < latest


def _link_files(real: Path, shown: Path) -> None:
    for file in real.rglob("*.parquet"):
        link = shown / file.relative_to(real)
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(file.resolve())
