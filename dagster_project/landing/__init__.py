"""Landing: every event of the inbox once into the warehouse, every line that is none into quarantine (R-8 to R-11).

The way of a file: `inbox` finds it, `known_files` tells whether its content has landed before, `line_splitter` cuts it into `pieces` of
lines. `reader` reads these into events (`event`, `properties`, `times`), which `validation` judges; rows that `tabular` makes lines of
go the same way; `columns` tells how a table is named and written. `parquet_writer` writes what they give, `manifest` makes the whole
count by one rename, `land_inbox` is the order of it all. `compaction` puts small landings together.
"""

from dagster_project.landing.findings import BARE_DATE, NOT_READ, TIME_MADE_UP, UNREAD_FIELD, Remark
from dagster_project.landing.land_inbox import LandingRefused, LinesDoNotBalance, land
from dagster_project.landing.manifest import (
    Compaction,
    LandedFile,
    Landing,
    LandingDamaged,
    changed_files,
    described,
    landings,
    last_batch,
    quarantine_files,
    raw_files,
    stored,
)

__all__ = [
    "BARE_DATE",
    "NOT_READ",
    "TIME_MADE_UP",
    "UNREAD_FIELD",
    "Compaction",
    "LandedFile",
    "Landing",
    "LandingDamaged",
    "LandingRefused",
    "LinesDoNotBalance",
    "Remark",
    "changed_files",
    "described",
    "land",
    "landings",
    "last_batch",
    "quarantine_files",
    "raw_files",
    "stored",
]
