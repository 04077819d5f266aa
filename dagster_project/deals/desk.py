"""The desk: proposals synced, worked on, approved and applied, one way for the command line and for pages (R-70 to R-78)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from dagster_project.deals import drafting, proposals, publishing, salesforce
from dagster_project.deals.drafting import KINDS, RENEWALS
from dagster_project.deals.files import Change, content_of, file_of, hash_of, with_head
from dagster_project.deals.kept import Kept
from dagster_project.deals.proposals import Happening, Proposal, digest
from dagster_project.deals.review import Review, change_approved, reviewed
from dagster_project.deals.rows import deals_of
from dagster_project.deals.values import MONEY, READERS, Unreadable, day, money, price
from dagster_project.errors import UserError
from dagster_project.pipeline.run import read_books
from dagster_project.register import records, users
from dagster_project.register.agreements import fold
from dagster_project.warehouse import issued
from dagster_project.warehouse.books_cache import recall
from dagster_project.warehouse.database import fetch, published
from dagster_project.warehouse.paths import Warehouse
from rating import books as contract_books
from rating.books import Agreed, Books
from rating.books.currencies import MINOR_DIGITS


class Refused(UserError):
    """The desk refuses; code says why, as pages and scripts tell it (R-77)."""

    def __init__(self, code: str, *sentences: str) -> None:
        super().__init__(*sentences)
        self.code = code


@dataclass(frozen=True, slots=True)
class Reading:
    """Where the books of now are held already, as they were read, and what is agreed beside the folder. Both raise `BooksError`."""

    held: Callable[[], contract_books.Reading]
    agreed: Callable[[], Agreed]


@dataclass(frozen=True, slots=True)
class Desk:
    """One warehouse's desk. salesforce: a folder, or file.duckdb#schema; publish: as `publishing.way_of`.

    reading: who holds the books of now; without it they are read each time.
    """

    folder: Path
    register: sa.Engine
    warehouse: Warehouse
    salesforce: str | None = None
    publish: str | None = None
    reading: Reading | None = None
    kept: Kept = field(default_factory=Kept)

    # --- looking ---------------------------------------------------------------------------------------------------------------

    def books(self) -> Books:
        """The books of now. Raises `BooksError`."""
        if self.reading is not None:
            return self.reading.held().books
        agreed = self.agreed()
        return recall(self.warehouse, self.folder, agreed) or read_books(self.folder, agreed)

    def agreed(self) -> Agreed:
        """What is agreed beside the folder."""
        return fold(records.every(self.register)).beside_the_folder if self.reading is None else self.reading.agreed()

    def books_with(self, files: Mapping[str, bytes]) -> Books:
        """The books with files of the folder as they would be, as far as agreements and mistakes go. Raises `BooksError`."""
        found = None
        if self.reading is not None:
            found = contract_books.with_files(self.reading.held(), self.folder, files)
        return found or self._read_with(files)

    def _read_with(self, files: Mapping[str, bytes]) -> Books:
        """As `books_with`, everything read."""
        return contract_books.load(self.folder, self.agreed(), files)

    def every(self) -> Mapping[str, Proposal]:
        """All proposals, the newest last."""
        return self.kept.proposals(self.register)

    def one(self, name: str) -> Proposal:
        """The proposal of that id, or of that opportunity. Raises `UserError` where there is none."""
        known = self.every()
        for key in (name, f"deal-{name}"):
            if key in known:
                return known[key]
        raise Refused("NOT_FOUND", f"There is no proposal {name}. `meterhouse desk list` shows all.")

    def review(self, name: str, *, simulates: bool = True) -> Review:
        """Everything there is to see of a proposal. Raises `BooksError`."""
        proposal, books = self.one(name), self.books()

        def made() -> Review:
            return reviewed(proposal, self.folder, books, self.books_with, self.warehouse, simulates=simulates)

        if not simulates or self.reading is None:
            return made()
        return self.kept.review(proposal, books, _stamp_of(self.warehouse), made)

    def listed(self) -> list[tuple[Review, str]]:
        """All proposals as lists show them, each with its state."""
        reviews = self.kept.in_short(self.register, self.books())
        states = self.states([one.proposal for one in reviews])
        return [(one, states[one.proposal.id]) for one in reviews]

    def state(self, proposal: Proposal) -> str:
        """As people see it: applied is billing once a run has used it."""
        return self.states([proposal])[proposal.id]

    def states(self, found: Sequence[Proposal]) -> dict[str, str]:
        """The states of proposals, as people see them, by id."""
        places = self._places([one for one in found if one.state == "applied"])
        return {one.id: self._state(one, places) for one in found}

    def _state(self, proposal: Proposal, places: Mapping[str, str]) -> str:
        if proposal.state == "approved" and change_approved(proposal).stands_in(self.folder):
            return "applied"
        if proposal.state == "applied" and self._is_billed(proposal, places):
            return "billing"
        return proposal.state

    def _places(self, applied: Sequence[Proposal]) -> dict[str, str]:
        """Where contracts of applied proposals stand in the books of the last run."""
        contracts = [one.approved["contract"] for one in applied if one.approved.get("contract") is not None]
        if not contracts or not self.warehouse.database.exists():
            return {}
        query = "select contract_id, place from marts.contracts where contract_id in (select unnest($ids))"
        with published(self.warehouse) as marts:
            return dict(fetch(marts, query, {"ids": contracts}).iter_rows())

    def _is_billed(self, proposal: Proposal, places: Mapping[str, str]) -> bool:
        place = places.get(proposal.approved.get("contract") or "")
        files = set(proposal.approved["files"])
        if place is None or file_of(place) not in files:
            return False
        if proposal.approved.get("kind") == "new":
            return True
        applied = max((self.folder / name).stat().st_mtime for name in files if (self.folder / name).exists())
        return bool(self.warehouse.database.stat().st_mtime >= applied)

    # --- working ---------------------------------------------------------------------------------------------------------------

    def sync(self, at: datetime) -> tuple[list[str], list[str]]:
        """Read Salesforce's tables; ids of new and of changed deals. Raises `UserError`, and nothing is half synced."""
        books = self.books()
        if books.deals is None:
            raise UserError("The books have no section `deals`: docs/desk.md says what it holds.")
        if self.salesforce is None:
            raise UserError("Name Salesforce's tables with --salesforce: a folder of files, or file.duckdb#schema.")
        tables = salesforce.read(self.salesforce)
        missing = _missing_fields(books, tables)
        if missing:
            raise UserError(*missing)
        known = self.every()
        opportunities = {one.rows_of for one in known.values() if one.rows}
        return proposals.sync(self.register, known, list(deals_of(tables, books.deals.take, opportunities)), at)

    def set(self, name: str, term: str, value: str, by: str, because: str, at: datetime) -> None:
        """Say what a term is. Raises `UserError` for what is no term or value."""
        proposal = self._open(name)
        books = self.books()
        _require_words(because)
        draft = None if books.deals is None else drafting.draft(proposal.deal, books.deals, books, proposal.touched)
        read = _read_term(term, value.strip(), draft)
        over = None
        if draft is not None:
            over = next((one.synced for one in draft.terms if one.name == term), None)
        self._note(proposal, "edited", by, at, {"term": term, "value": read, "because": because, "over": over})

    def dismiss(self, name: str, point: str, by: str, because: str, at: datetime) -> None:
        """Set an open point aside. Raises `UserError` for one that is not open, or that no dismissal settles."""
        proposal = self._open(name)
        books = self.books()
        _require_words(because)
        assert books.deals is not None
        draft = drafting.draft(proposal.deal, books.deals, books, proposal.touched)
        known = dict(draft.open_points)
        if point not in known:
            shown = ", ".join(known) or "none"
            raise UserError(f"{point} is no open point of {proposal.id}; open are {shown}.")
        if (of := draft.stamp_of(point)) is None:
            raise UserError(f"{known[point]} No dismissal settles that.")
        self._note(proposal, "dismissed", by, at, {"point": point, "because": because, "of": of})

    def comment(self, name: str, by: str, because: str, at: datetime) -> None:
        """Say something of a proposal."""
        _require_words(because)
        self._note(self.one(name), "commented", by, at, {"because": because})

    # --- deciding --------------------------------------------------------------------------------------------------------------

    def approve(self, name: str, review_hash: str, by: str, because: str, at: datetime, *, tie_out: str | None = None) -> str:
        """Approve exactly what was reviewed, and apply it; what became of it, as `publishing.publish`. Raises `Refused` (R-77)."""
        proposal = self.one(name)
        if (decided := proposal.last_decision) is not None:
            raise _decided(proposal, decided)
        self._require_role(by, "approver")
        _require_words(because)
        books = self.books()
        review = reviewed(proposal, self.folder, books, self._read_with, self.warehouse)
        if review.hash != review_hash:
            raise Refused("CHANGED_SINCE_REVIEW", *_what_changed(proposal, review, self.folder))
        if review.open_points:
            raise Refused("OPEN_POINTS", *(says for _, says in review.open_points))
        if review.problems or review.change is None:
            raise Refused("BOOKS_BROKEN", *(review.problems or ("The change cannot be written.",)))
        if books.settings.four_eyes and proposal.last_editor == by:
            raise Refused("FOUR_EYES", f"{by} made the last edit: somebody else has to approve (settings.four_eyes).")
        if review.does_not_tie and not (tie_out or "").strip():
            difference = review.tie_out["difference"]
            raise Refused(
                "TIE_OUT", f"What is committed differs from the deal's amount by {difference}: say why with --tie-out."
            )
        said = {
            "because": because,
            "hash": review_hash,
            "tie_out": tie_out,
            "files": {name: content.decode() for name, content in review.change.files.items()},
            "before": dict(review.change.before),
            "rows_hash": digest(proposal.rows),
            "contract": None if review.draft is None else review.draft.contract,
            "kind": None if review.draft is None else review.draft.kind,
            "opportunity": None if review.draft is None else review.draft.opportunity,
            "committed": None if (committed := review.tie_out.get("committed")) is None else f"{committed:f}",
        }
        self._decide(proposal, "approved", by, at, said)
        return self.apply(proposal.id, at)

    def reject(self, name: str, by: str, because: str, at: datetime) -> None:
        """Decide that a proposal becomes nothing. Raises `Refused`."""
        self._end(name, "rejected", "approver", by, because, at)

    def withdraw(self, name: str, by: str, because: str, at: datetime) -> None:
        """Take a proposal back before anybody has decided. Raises `Refused`."""
        self._end(name, "withdrawn", "editor", by, because, at)

    def _end(self, name: str, act: str, role: str, by: str, because: str, at: datetime) -> None:
        proposal = self._open(name)
        self._require_role(by, role)
        _require_words(because)
        self._decide(proposal, act, by, at, {"because": because})

    def _decide(self, proposal: Proposal, act: str, by: str, at: datetime, said: Mapping[str, Any]) -> None:
        """Note a decision. Raises `Refused` where somebody else decided in the same moment."""
        try:
            proposals.note(self.register, act, proposal.id, by, at, said, once=f"desk:decide:{proposal.id}")
        except records.Taken:
            decided = self.one(proposal.id).last_decision
            assert decided is not None
            raise _decided(proposal, decided) from None

    def apply(self, name: str, at: datetime) -> str:
        """Put an approved proposal into the books, or finish it where that died. Raises `Refused` where its files are others now."""
        with publishing.alone(self.folder):
            return self._apply(name, at)

    def _apply(self, name: str, at: datetime) -> str:
        proposal = self.one(name)
        if proposal.state != "approved":
            return proposal.state
        change = change_approved(proposal)
        if change.stands_in(self.folder):
            done = "applied"
            if publishing.way_of(self.folder, self.publish) == "commit":
                self._publish(proposal, change)  # died between file and commit
        elif change.is_on(self.folder):
            done = self._publish(proposal, change)
        else:
            raise Refused(
                "CHANGED_SINCE_REVIEW", f"The files of {proposal.id} are no longer what was reviewed: make a new proposal."
            )
        if done == "applied":
            proposals.note(self.register, "applied", proposal.id, _approver(proposal), at, {}, once=f"desk:apply:{proposal.id}")
        return done

    def again(self, name: str, at: datetime) -> str:
        """A new proposal of a deal whose rows are no longer what was approved; its id. Raises `UserError`."""
        proposal = self.one(name)
        if not proposal.has_drifted:
            raise UserError(f"{proposal.id} is as it was approved: there is nothing to propose anew.")
        return proposals.again(self.register, proposal, at)

    def apply_all(self, at: datetime) -> list[str]:
        """Finish everything that is approved; the ids of what is in the books now."""
        found = [one.id for one in self.every().values() if one.state == "approved"]
        return [name for name in found if self.apply(name, at) == "applied"]

    def _publish(self, proposal: Proposal, change: Change) -> str:
        approver, opportunity = _approver(proposal), proposal.approved.get("opportunity")
        said = f"{opportunity or proposal.id}, approved by {approver}, reviewed {proposal.approved['hash']}"
        files = {name: with_head(content, said) for name, content in change.files.items()}
        trailers = {
            **({"Opportunity": str(opportunity)} if opportunity else {}),
            "Reviewed-Hash": str(proposal.approved["hash"]),
        }
        way = publishing.way_of(self.folder, self.publish)
        return publishing.publish(way, self.folder, files, proposal.id, approver, trailers)

    def _open(self, name: str) -> Proposal:
        proposal = self.one(name)
        if (decided := proposal.last_decision) is not None:
            raise _decided(proposal, decided)
        return proposal

    def _require_role(self, by: str, role: str) -> None:
        """Where the register knows people, somebody of that role; where it knows nobody, the command line is trusted."""
        known = users.named(self.register, by)
        if not users.every(self.register):
            return
        if known is None or not known.may(role):
            raise Refused("FORBIDDEN", f"{by} may not do that: it takes the role {role} (`meterhouse users add`).")

    def _note(self, proposal: Proposal, act: str, by: str, at: datetime, said: Mapping[str, Any]) -> None:
        if not by.strip():
            raise UserError("Say who you are with --by.")
        if act != "commented":
            self._require_role(by, "editor")
        proposals.note(self.register, act, proposal.id, by, at, said)


def _stamp_of(warehouse: Warehouse) -> object:
    """What is another where a run has been: reviews look at what is issued, and at events that wait."""
    files = (warehouse.database, warehouse.work_database)
    return issued.latest_as_of(warehouse), [(one.stat().st_mtime_ns, one.stat().st_size) for one in files if one.exists()]


def _decided(proposal: Proposal, decided: Happening) -> Refused:
    return Refused("CONFLICT", f"{proposal.id} is already {decided.act} by {decided.by} at {decided.at:%Y-%m-%dT%H:%M:%SZ}.")


def _approver(proposal: Proposal) -> str:
    return next(one.by for one in reversed(proposal.history) if one.act == "approved")


def _require_words(because: str) -> None:
    if not because.strip():
        raise UserError("Say why with --because.")


def _what_changed(proposal: Proposal, review: Review, folder: Path) -> Sequence[str]:
    found = [
        f"{one.act} by {one.by} at {one.at:%Y-%m-%dT%H:%M:%SZ}"
        for one in proposal.history[-3:]
        if one.act not in ("commented",)
    ]
    changed = [] if review.change is None else [name for name in review.change.files if content_of(folder, name) is not None]
    said = f"This is no longer what was reviewed ({'; '.join(found)}): look at it again. Its hash is {review.hash} now."
    return [said, *(f"{name} holds {hash_of(folder, name)}." for name in changed)]


_EDITABLE = (*READERS, *MONEY, "kind", "customer", "contract", "renewal")


def _read_term(term: str, value: str, draft: drafting.Draft | None) -> str:
    """A value that a person gives, as the books take it. Raises `UserError`."""
    if term.startswith(("rate_override:", "grant:")) or term in _EDITABLE:
        try:
            if term == "kind":
                return _one_of(value, KINDS)
            if term == "renewal":
                return _one_of(value, RENEWALS)
            if term in ("customer", "contract"):
                return READERS["plan"](value)
            if term.startswith("rate_override:"):
                return price(value)
            key = term.rpartition(".")[2]
            if term.startswith("grant:") and key in ("effective_at", "expires_at"):
                return day(value)
            if term in MONEY or (term.startswith("grant:") and key in ("amount", "price")):
                return money(value, 2 if draft is None or draft.currency is None else MINOR_DIGITS.get(draft.currency, 2))
            if term in READERS:
                return READERS[term](value)
        except Unreadable as error:
            raise UserError(f"{term}: {error}.") from None
    raise UserError(
        f"{term} is no term. Terms are {', '.join(_EDITABLE)}, rate_override:METER:key=value,… and grant:ID.amount."
    )


def _one_of(value: str, known: Sequence[str]) -> str:
    if value not in known:
        raise Unreadable(f"{value} is none of {', '.join(known)}")
    return value


def _missing_fields(books: Books, tables: salesforce.Tables) -> list[str]:
    """A sentence for every mapped field that the tables do not have (R-71)."""
    deals = books.deals
    assert deals is not None
    found = []
    for name in sorted(drafting.fields_of(deals)):
        kind, _, column = name.rpartition(".")
        if tables.of(kind) and salesforce.letters(column) not in tables.fields.get(kind, frozenset()):
            object_name = salesforce.called(kind)
            found.append(
                f"{object_name} has no field {column}, which the mapping reads. Have the sync bring it, or change `deals`."
            )
    return found
