"""Landing: every event of the inbox once into the warehouse, every line that is none into quarantine (R-8 to R-11).

The way of a file: `inbox` finds it, `known` tells whether its content has landed before, `cutting` finds its lines. Those that look
like lines before them are told by their `shapes` (`familiar`). All others are parsed by `reading` and judged by `rules`, and so are the
rows that `tabular` makes lines of; `columns` tells how a table is named and written. `judging` puts both together, `parts` writes what
they give, `batches` makes the whole count by one rename. `compaction` puts small landings together.
"""

from dagster_project.landing.batches import (
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
from dagster_project.landing.course import LandingRefused, LinesDoNotBalance, land
from dagster_project.landing.findings import BARE_DATE, NOT_READ, TIME_MADE_UP, UNREAD_FIELD, Remark

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
