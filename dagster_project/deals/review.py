"""Everything that a reviewer sees of a deal, and the hash of it (R-76)."""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from dagster_project.deals import drafting, simulated
from dagster_project.deals.drafting import Draft
from dagster_project.deals.files import CannotWrite, Change, change_of, content_of
from dagster_project.deals.proposals import Proposal, digest
from dagster_project.deals.sentences import sentence, standing
from dagster_project.deals.simulated import Simulated
from dagster_project.warehouse import issued
from dagster_project.warehouse.paths import Warehouse
from rating import books as contract_books
from rating.books import Books, BooksError

# the books with files as they would be; raises `BooksError`
BooksWith = Callable[[Mapping[str, bytes]], Books]


@dataclass(frozen=True, slots=True)
class Review:
    """draft: None of a change by hand. open_points: point and sentence. problems: what check says of the books with the change.

    change: None where it cannot be written yet. tie_out: committed, amount and difference, as far as they are known.
    """

    proposal: Proposal
    draft: Draft | None
    change: Change | None
    open_points: tuple[tuple[str, str], ...]
    problems: tuple[str, ...]
    simulated: Simulated | None
    tie_out: Mapping[str, Decimal | None]
    terms: tuple[Mapping[str, Any], ...]
    difference: str

    @property
    def hash(self) -> str:
        """SHA-256 of terms, sources, fates, the change, and what the files that it changes hold now."""
        draft, change = self.draft, self.change
        said = {
            "terms": [] if draft is None else [[one.name, one.value, dict(one.source)] for one in draft.terms],
            "fates": [] if draft is None else [asdict(one) for one in draft.fates],
            "points": [list(point) for point in self.open_points],
            "files": {} if change is None else {name: hashlib.sha256(text).hexdigest() for name, text in change.files.items()},
            "before": {} if change is None else dict(change.before),
        }
        return digest(said)

    @property
    def does_not_tie(self) -> bool:
        return bool(self.tie_out.get("difference"))


def reviewed(
    proposal: Proposal, folder: Path, books: Books, books_with: BooksWith, warehouse: Warehouse, *, simulates: bool = True
) -> Review:
    """The review of a proposal as things stand. simulates: False leaves the kernel out."""
    if proposal.rows:
        return _of_deal(proposal, folder, books, books_with, warehouse, simulates=simulates)
    change = Change({name: text.encode() for name, text in proposal.change["files"].items()}, proposal.change["before"])
    _, problems = _checked(books, books_with, change, warehouse)
    return Review(proposal, None, change, (), problems, None, {}, (), _difference(folder, change))


def listed(proposal: Proposal, books: Books) -> Review:
    """A proposal for a list: its draft and what is open, without the change and what comes of it."""
    if not proposal.rows or books.deals is None:
        return Review(proposal, None, None, (), (), None, {}, (), "")
    draft = drafting.draft(proposal.deal, books.deals, books, proposal.touched)
    points = tuple(draft.open_points) if proposal.state == "open" else ()
    return Review(proposal, draft, None, points, (), None, {}, (), "")


def in_short(proposal: Proposal, books: Books) -> Review:
    """A proposal for a list of all: of one that is decided, the heading alone."""
    if proposal.state == "open" or not proposal.rows or books.deals is None:
        return listed(proposal, books)
    heading = drafting.heading(proposal.deal, books.deals, books, proposal.touched)
    return Review(proposal, heading, None, (), (), None, {}, (), "")


def _of_deal(
    proposal: Proposal, folder: Path, books: Books, books_with: BooksWith, warehouse: Warehouse, *, simulates: bool
) -> Review:
    if books.deals is None:
        return Review(proposal, None, None, (("deals", "The books have no section `deals` any more."),), (), None, {}, (), "")
    draft = drafting.draft(proposal.deal, books.deals, books, proposal.touched)
    points, problems = list(draft.open_points), tuple[str, ...]()
    if proposal.state != "open":
        return _decided(proposal, draft, books)
    change: Change | None = None
    after: Books | None = None
    is_final = {one.point for one in draft.points if one.is_final}
    if draft.kind is not None and not is_final:
        try:
            change = change_of(draft, folder, books)
            if simulates:
                after, problems = _checked(books, books_with, change, warehouse)
        except CannotWrite as error:
            points.append(("change", str(error)))
    found = None
    if simulates and after is not None:
        found = simulated.simulate(after, draft.contract, str(draft.value("start_date")), warehouse, books)
    return Review(
        proposal,
        draft,
        change,
        tuple(points),
        problems,
        found,
        _tied_out(draft, found),
        _told(draft, books),
        "" if change is None else _difference(folder, change),
    )


def _decided(proposal: Proposal, draft: Draft, books: Books) -> Review:
    """What was decided stays as it was: nothing of it is open."""
    change = change_approved(proposal) if proposal.approved else None
    return Review(proposal, draft, change, (), (), None, {}, _told(draft, books), "")


def change_approved(proposal: Proposal) -> Change:
    """The files of an approved proposal."""
    approved = proposal.approved
    return Change({name: text.encode() for name, text in approved["files"].items()}, approved["before"])


def _told(draft: Draft, books: Books) -> tuple[Mapping[str, Any], ...]:
    return tuple(
        {
            "term": one.name,
            "value": one.value,
            "sentence": sentence(one, draft, books),
            "standing": standing(one, draft, books),
            "source": dict(one.source),
        }
        for one in draft.terms
    )


def _checked(books: Books, books_with: BooksWith, change: Change, warehouse: Warehouse) -> tuple[Books | None, tuple[str, ...]]:
    """The books with a change, and what is wrong with them (R-5): also against what is issued."""
    try:
        after = books_with(change.files)
    except BooksError as error:
        return None, tuple(str(problem) for problem in error.problems)
    as_of = issued.latest_as_of(warehouse)
    if as_of is not None:
        headers, facts = issued.read_headers(warehouse, as_of), issued.contract_facts(warehouse, as_of)
        if found := [str(problem) for problem in contract_books.problems_against(after, headers, facts)]:
            before = {str(problem) for problem in contract_books.problems_against(books, headers, facts)}
            if problems := tuple(one for one in found if one not in before):
                return None, problems
    return after, ()


def _tied_out(draft: Draft, found: Simulated | None) -> dict[str, Decimal | None]:
    amount = None
    if draft.amount is not None:
        try:
            amount = Decimal(draft.amount)
        except InvalidOperation:
            amount = None
    committed = None if found is None else found.committed
    difference = None if amount is None or committed is None else amount - committed
    return {"committed": committed, "amount": amount, "difference": difference}


def _difference(folder: Path, change: Change) -> str:
    """What changes in files, as a unified diff."""
    found = list[str]()
    for name, content in change.files.items():
        before = (content_of(folder, name) or b"").decode("utf-8", "replace").splitlines(keepends=True)
        found += difflib.unified_diff(
            before, content.decode("utf-8", "replace").splitlines(keepends=True), f"a/{name}", f"b/{name}"
        )
    return "".join(found)
