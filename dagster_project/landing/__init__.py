"""Landing: every event of the inbox once into the warehouse, every line that is none into quarantine (R-8 to R-11).

The way of a file: `inbox` finds it, `known_files` tells whether its content has landed before, `line_splitter` finds its lines. Those
that look like lines before them are told by their `shapes` (`familiar`). All others are parsed by `reading` and judged by `validation`,
and so are the rows that `tabular` makes lines of; `columns` tells how a table is named and written. `judging` puts both together,
`parquet_writer` writes what they give, `manifest` makes the whole count by one rename. `compaction` puts small landings together.
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
