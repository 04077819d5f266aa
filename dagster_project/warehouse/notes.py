"""Records that runs append under a number and the run's as_of: `<folder>/<n>-<as_of>.parquet`, each by one rename.

What belongs here: which records there are, and how one is added. What does not: what they say (`unmatched.py`, `contents.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import polars as pl

from dagster_project.warehouse.files import publish_atomically, remove
from rating.tables import INSTANT, SMALL, TEXT

RECORDS = {"record_no": SMALL, "as_of": INSTANT, "path": TEXT}
_INSTANT = "%Y%m%dT%H%M%S%f"


def records(folder: Path, as_of: datetime) -> pl.DataFrame:
    """record_no, as_of and path of every record of runs up to as_of, in order."""
    rows = []
    for path in sorted(folder.glob("[0-9]*.parquet")):
        number, written = path.stem.split("-", 1)
        at = datetime.strptime(written, _INSTANT)  # noqa: DTZ007 - naive UTC throughout
        if at <= as_of:
            rows.append((int(number), at, str(path)))
    return pl.DataFrame(rows, schema=RECORDS, orient="row").sort("record_no")


def append(folder: Path, building: Path, as_of: datetime, record_of: Callable[[int], pl.DataFrame]) -> Path:
    """Append what `record_of` says under the next number; building: where the file is built before it appears."""
    number = len(list(folder.glob("[0-9]*.parquet"))) + 1
    remove(building)
    building.parent.mkdir(parents=True, exist_ok=True)
    record_of(number).write_parquet(building)
    place = folder / f"{number:06d}-{as_of.strftime(_INSTANT)}.parquet"
    publish_atomically(building, place)
    return place
