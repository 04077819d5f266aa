"""`meterhouse desk`: deals from Salesforce on their way into the books."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

from rich.cells import cell_len
from rich.markup import escape
from rich.tree import Tree

from dagster_project import settings
from dagster_project.cli.screen import screen
from dagster_project.deals.desk import Desk
from dagster_project.deals.review import Review
from dagster_project.deals.told import as_data, summary
from dagster_project.register import place, store
from dagster_project.render.figures import money
from dagster_project.warehouse.paths import Warehouse


@contextmanager
def at_desk(books: Path, warehouse: Path, register: str | None, salesforce: str | None, publish: str | None) -> Iterator[Desk]:
    """The desk of a warehouse; what was approved and not finished is finished first."""
    engine = store.opened(register or place.location_of(Warehouse(warehouse)))
    try:
        yield Desk(books, engine, Warehouse(warehouse), salesforce, publish)
    finally:
        engine.dispose()


def sync(desk: Desk) -> None:
    """Read Salesforce's tables and say what is new, changed, or no longer what was approved."""
    new, changed = desk.sync(settings.now())
    screen.print(f"{len(new)} new, {len(changed)} changed.")
    drifted = [one.id for one in desk.every().values() if one.has_drifted]
    if drifted:
        screen.print(f"No longer what was approved: {', '.join(drifted)}.", soft_wrap=True)


def show_all(desk: Desk, *, as_json: bool) -> None:
    """All proposals, one a line."""
    found = [summary(review, state) for review, state in desk.listed()]
    if as_json:
        screen.print(json.dumps(found, indent=1), markup=False, soft_wrap=True)
        return
    if not found:
        screen.print("There are no proposals. `meterhouse desk sync` reads Salesforce's tables.")
        return
    rows: list[tuple[str, ...]] = [("proposal", "deal", "kind", "contract", "amount", "open points", "state")]
    for one in found:
        state = f"{one['state']}, drifted" if one["drifted"] else one["state"]
        said = (one["id"], one["name"], one["kind"], one["contract"], one["amount"], len(one["openPoints"]), state)
        rows.append(tuple("" if value is None else _one_line(str(value)) for value in said))
    # laid out by hand: a rich table of thousands of rows takes longer than everything before it
    widths = [max(cell_len(row[place]) for row in rows) for place in range(len(rows[0]))]
    numbers = {rows[0].index("amount"), rows[0].index("open points")}
    lines = ("  ".join(_padded(row[at], widths[at], at in numbers) for at in range(len(row))).rstrip() for row in rows)
    screen.out("\n".join(lines), highlight=False)


def _padded(value: str, width: int, is_number: bool) -> str:
    idle = " " * (width - cell_len(value))
    return idle + value if is_number else value + idle


def _one_line(text: str) -> str:
    """A text of somebody else's, fit for a terminal: what moves the cursor is left out."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


def show(desk: Desk, name: str, *, as_json: bool) -> None:
    """Everything there is to see of a proposal."""
    review = desk.review(name)
    state = desk.state(review.proposal)
    if as_json:
        screen.print(json.dumps(as_data(review, state), indent=1), markup=False, soft_wrap=True)
        return
    screen.print(_tree(review, state), soft_wrap=True)


def _tree(review: Review, state: str) -> Tree:
    draft, proposal = review.draft, review.proposal
    named = proposal.change.get("name", "") if draft is None else f"{draft.name}, {draft.kind or 'of no kind'}"
    root = Tree(f"[bold]{escape(proposal.id)}[/bold]  {escape(str(named))}  [dim]{state}[/dim]")
    _branch(root, "Open points", [f"{escape(point)}  {escape(says)}" for point, says in review.open_points])
    _branch(root, "Mistakes of the books with it", [escape(one) for one in review.problems])
    _branch(root, "Terms", [_term(term) for term in review.terms])
    if draft is not None:
        fates = [f"{fate.fate}: {escape(fate.what)}  [dim]{escape(fate.says)}[/dim]" for fate in draft.fates]
        _branch(root, "Lines and watched values", fates)
    if (found := review.simulated) is not None:
        _branch(root, "First documents, without usage", _documents(found.documents, found.currency))
        _branch(root, f"With {found.waiting_events:,} events that wait", _documents(found.with_waiting, found.currency))
    if review.tie_out.get("committed") is not None or review.tie_out.get("amount") is not None:
        _branch(root, "Tie-out", [f"{name}: {'' if value is None else money(value)}" for name, value in review.tie_out.items()])
    if review.difference:
        _branch(root, "Change of the books", [f"[dim]{escape(line)}[/dim]" for line in review.difference.splitlines()])
    _branch(
        root,
        "History",
        [f"{one.at:%Y-%m-%d %H:%M} {escape(one.by)}: {one.act} {escape(one.because)}" for one in proposal.history],
    )
    root.add(f"review hash: {review.hash}")
    return root


def _documents(found: Sequence[Mapping[str, Any]], currency: str) -> list[str]:
    return [f"{one['kind']} {one['period_start'][:10]}: {money(Decimal(one['total']))} {currency}" for one in found]


def _branch(root: Tree, title: str, lines: Sequence[str]) -> None:
    if lines:
        branch = root.add(f"[bold]{escape(title)}[/bold]")
        for line in lines:
            branch.add(line)


def _term(term: Mapping[str, Any]) -> str:
    source = term["source"]
    if "by" in source:
        where = f"{source['by']}: {source['because']}"
    elif "object" in source:
        where = f"{source['object']}.{source['field']} of {source['record']}: {source['raw']}"
    else:
        where = "the mapping"
    standing = "" if term["standing"] is None else f" (now {term['standing']})"
    return f"{escape(term['sentence'])}{escape(standing)}  [dim]{escape(term['term'])} from {escape(where)}[/dim]"
