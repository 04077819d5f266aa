"""`meterhouse withdraw`: events of a landed file no longer count (R-114)."""

from __future__ import annotations

import difflib
from pathlib import Path

from dagster_project import settings
from dagster_project.cli.screen import screen
from dagster_project.errors import UserError
from dagster_project.landing import landings, withdrawals
from dagster_project.landing.withdrawals import Withdrawal
from dagster_project.warehouse import issued
from dagster_project.warehouse.paths import Warehouse

HASH_SHOWN = 12
MOST_NAMED = 5


def withdraw(folder: Path, file: str, because: str | None, content: str | None, *, undo: bool) -> None:
    """Note that a file is withdrawn, or that it counts again. Raises `UserError` where that cannot be meant."""
    warehouse = Warehouse(folder)
    if not undo and not (because or "").strip():
        raise UserError("Say why the file is withdrawn, with --because.")
    with warehouse.locked():
        chosen, events = _content(warehouse, file, content, undo=undo)
        latest = issued.latest_as_of(warehouse)
        assert latest is not None
        now = f"{settings.now():%Y-%m-%dT%H:%M:%SZ}"
        one = Withdrawal(file, chosen, (because or "").strip(), latest.isoformat(), now, is_undone=undo)
        withdrawals.note(warehouse, one)
    does = "count again" if undo else "no longer count"
    screen.print(
        f"The {events:,} events of {file} ({chosen[:HASH_SHOWN]}) {does} from the next run on; what was issued is adjusted.",
        markup=False,
        soft_wrap=True,
    )


def _content(warehouse: Warehouse, file: str, content: str | None, *, undo: bool) -> tuple[str, int]:
    landed = withdrawals.contents(warehouse, file)
    if not landed:
        near = difflib.get_close_matches(file, withdrawals.names(landings(warehouse)), MOST_NAMED, 0.3)
        raise UserError(
            f"No file {file} has landed in {warehouse.root}." + (f" Did you mean {', '.join(near)}?" if near else "")
        )
    # the last word on each content counts
    withdrawn = {content_hash: True for name, content_hash in withdrawals.replaced(landings(warehouse)) if name == file}
    withdrawn |= {one.file_hash: not one.is_undone for one in withdrawals.noted(warehouse) if one.file == file}
    open_ = [(hash_, events) for hash_, _, events in landed if withdrawn.get(hash_, False) == undo]
    if not open_:
        raise UserError(f"{file} is {'not withdrawn' if undo else 'withdrawn already'}.")
    chosen = [one for one in open_ if one[0].startswith(content or "")]
    if not chosen:
        raise UserError(f"No content of {file} has a hash that begins with {content}.")
    if len(chosen) > 1:
        shown = [f"{hash_[:HASH_SHOWN]} ({as_of:%Y-%m-%d}, {events:,} events)" for hash_, as_of, events in landed]
        raise UserError(f"{file} has landed with several contents: {', '.join(shown)}. Say which with --content HASH.")
    return chosen[0]
