"""The marts that finance reads, from one run to the next: a run begins with those of the run before, less what may have changed, and
adds what is new (law 8).

What belongs here: what the published database holds, and how a staged one is begun with it. What does not: what is new, and when it
is published (`pipeline/marts.py`). Where anything is in doubt the staged database begins empty, and everything is built.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import duckdb

from dagster_project.warehouse import views
from dagster_project.warehouse.database import connect, log_of
from dagster_project.warehouse.files import publish_atomically, remove, write_atomically
from dagster_project.warehouse.paths import Warehouse
from dagster_project.warehouse.recovery import opens

# The tables that a run adds to, and what it takes out of them first. Drafts are rated anew; what an open period contains may change; an
# initial invoice is billed in the period of its day, which may not have been issued; a document of before letterheads were kept with
# documents has that of the books of now. In an order in which none looks at what one before it took out.
MAY_CHANGE = {
    "focus": """
        InvoiceId in (select number from marts.invoices semi join letterheads_of_now using (invoice_id))
        or InvoiceId in (
            select initials.number
            from marts.invoices as initials
            where
                initials.kind = 'initial'
                and not exists (
                    select 1
                    from marts.invoices as periods
                    where
                        periods.kind = 'period'
                        and periods.status = 'issued'
                        and periods.contract_id = initials.contract_id
                        and initials.period_start >= periods.period_start
                        and initials.period_start < periods.period_end
                )
        )""",
    "letterheads": "invoice_id in (from drafts) or invoice_id in (from letterheads_of_now)",
    "invoice_lines": "invoice_id in (from drafts)",
    "tier_charges": "invoice_id in (from drafts)",
    "line_shares": "invoice_id in (from drafts)",
    "credit_ledger": "status = 'draft'",
    "invoices": "status = 'draft'",
    "usage": """
        not exists (
            select 1
            from closed
            where closed.contract_id = usage.contract_id and closed.period_start = usage.period_start
        )""",
}


@dataclass(frozen=True, slots=True)
class Held:
    """What a database of marts holds for good.

    project: version of the dbt project that built it. batch, seal: name of the last batch of issued documents and SHA-256 of its note;
    empty where nothing was issued. closed: SHA-256 of the periods in each folder of contents of closed periods, by name.
    """

    project: str
    batch: str = ""
    seal: str = ""
    closed: Mapping[str, str] = field(default_factory=dict)


def is_as_published(warehouse: Warehouse) -> bool:
    """Whether the marts that finance reads can be opened and nobody has written to them."""
    return _noted(warehouse) is not None and opens(warehouse.database)


def held(warehouse: Warehouse) -> Held | None:
    """What the published marts hold; None where they are not as they were published."""
    noted = _noted(warehouse)
    if noted is None or "holds" not in noted or not opens(warehouse.database):
        return None
    return Held(**noted["holds"])


def _noted(warehouse: Warehouse) -> dict[str, Any] | None:
    try:
        noted: dict[str, Any] = json.loads(warehouse.published_stamp.read_bytes())
        return noted if noted.items() >= _stamp(warehouse.database).items() else None
    except (OSError, ValueError):
        return None


def _stamp(file: Path) -> dict[str, int]:
    status = file.stat()
    return {"bytes": status.st_size, "written_ns": status.st_mtime_ns}


def begin(warehouse: Warehouse, closed: Sequence[Path], letterheads_of_now: Path) -> bool:
    """Begin the staged database with the published one, less what may change; whether that could be done.

    closed: files of the closed periods whose contents it holds (`contents.NOTED`), at least one. letterheads_of_now: file of
    LETTERHEADS that this run made.
    """
    shutil.copyfile(warehouse.database, warehouse.staged_database)
    try:
        with connect(warehouse.staged_database) as connection:
            connection.execute("create temp table drafts as select invoice_id from marts.invoices where status = 'draft'")
            connection.execute(f"create temp table closed as {views.of_files(closed)}")
            connection.execute(
                f"create temp table letterheads_of_now as select invoice_id from ({views.of_files([letterheads_of_now])})"
            )
            for table, condition in MAY_CHANGE.items():
                connection.execute(f"delete from marts.{table} where {condition}")
            for (dropped,) in connection.execute(_OTHERS, [list(MAY_CHANGE)]).fetchall():
                connection.execute(dropped)
    except duckdb.Error:
        # it opens and does not read: built from what was issued, as if there were none
        discard(warehouse)
        return False
    return True


# what else is published is built by every run
_OTHERS = """
    select format('drop view "{}"."{}"', schema_name, view_name)
    from duckdb_views()
    where not internal and not temporary
    union all
    select format('drop table "{}"."{}"', schema_name, table_name)
    from duckdb_tables()
    where not internal and not temporary and not (schema_name = 'marts' and list_contains($1, table_name))
"""


def discard(warehouse: Warehouse) -> None:
    """Remove what an earlier run has staged."""
    remove(warehouse.staged_database)
    remove(log_of(warehouse.staged_database))


def publish(warehouse: Warehouse, holds: Held) -> None:
    """Put the staged database in the place that finance reads, by one rename."""
    # left by somebody who wrote to the marts before: it belongs to no others
    remove(log_of(warehouse.database))
    publish_atomically(warehouse.staged_database, warehouse.database)
    write_atomically(warehouse.published_stamp, json.dumps(_stamp(warehouse.database) | {"holds": asdict(holds)}).encode())
