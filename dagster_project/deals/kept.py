"""What a desk that stays open keeps: proposals, what lists show of them, and reviews of open ones.

Read and drafted again is only what has changed: by the register's new records, by what drafts ask of the books, and for a review by
anything that it is made of.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import sqlalchemy as sa

from dagster_project.deals import proposals
from dagster_project.deals.known import Known, known_of
from dagster_project.deals.proposals import Proposal
from dagster_project.deals.review import Review, in_short
from dagster_project.register import records
from rating.books import Books

REVIEWS = 64


@dataclass(frozen=True, slots=True)
class _Short:
    """review: of this proposal, drafted with or without a contract of its name in the books."""

    proposal: Proposal
    stands: bool
    review: Review


class Kept:
    """One register's proposals as they were read last. Safe to ask from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._proposals: dict[str, Proposal] = {}
        self._last = 0
        self._known: Known | None = None
        self._short: dict[str, _Short] = {}
        self._reviews: dict[str, tuple[Proposal, Books, object, Review]] = {}

    def proposals(self, register: sa.Engine) -> Mapping[str, Proposal]:
        """All proposals, by id, the newest last."""
        with self._lock:
            return self._read(register)

    def in_short(self, register: sa.Engine, books: Books) -> list[Review]:
        """All proposals as lists show them."""
        known = known_of(books)
        with self._lock:
            if self._known is None or not known.is_as(self._known):
                self._short.clear()
            self._known = known
            return [self._in_short(one, known) for one in self._read(register).values()]

    def review(self, proposal: Proposal, books: Books, warehouse: object, make: Callable[[], Review]) -> Review:
        """The review of a proposal by these books. warehouse: something that is another where what a review asks of it is."""
        with self._lock:
            before = self._reviews.get(proposal.id)
        if before is not None and before[0] is proposal and before[1] is books and before[2] == warehouse:
            return before[3]
        made = make()
        with self._lock:
            # of other books nobody asks again, and they are large
            self._reviews = {name: one for name, one in self._reviews.items() if one[1] is books}
            while len(self._reviews) >= REVIEWS:
                del self._reviews[next(iter(self._reviews))]
            self._reviews[proposal.id] = (proposal, books, warehouse, made)
        return made

    def _read(self, register: sa.Engine) -> Mapping[str, Proposal]:
        found = records.every(register, after=self._last, of=proposals.KIND)
        if found:
            self._proposals, self._last = proposals.fold(found, self._proposals), found[-1].seq
        return self._proposals

    def _in_short(self, proposal: Proposal, known: Known) -> Review:
        before = self._short.get(proposal.id)
        if before is not None and before.proposal is proposal and before.stands == _stands(before.review, known):
            return before.review
        review = in_short(proposal, known.books)
        self._short[proposal.id] = _Short(proposal, _stands(review, known), review)
        return review


def _stands(review: Review, known: Known) -> bool:
    """Whether the books have the contract of a draft."""
    return review.draft is not None and review.draft.contract in known.contracts
