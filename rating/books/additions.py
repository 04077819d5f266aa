"""One more agreement for books that are read and sound: the little of them that it touches, to be read and checked as everything is.

A customer touches those of the same external id, a contract its grants, a grant its contract and the other grants of it. Where an
agreement may change what all share, everything is read again.

What belongs here: what touches what. What does not: any rule (see `checks`), any value (see `frames`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import polars as pl

from rating import tables
from rating.books.agreements import plan_spans
from rating.books.frames import frames_of_agreements, spliced, tiers_of_contracts
from rating.books.models import Contract, CreditGrant
from rating.books.places import Document, Stated
from rating.books.problems import Problem
from rating.books.reading import read_alone
from rating.books.statements import Statements
from rating.books.tier_sets import TierSets
from rating.catalog import OF_CONTRACTS

if TYPE_CHECKING:
    from rating.books import Books


@dataclass(frozen=True, slots=True)
class Touched:
    """Some of the statements of books, to go over; all of them, with the addition; and what is wrong with its shape."""

    statements: Statements
    every: Statements
    problems: Sequence[Problem]
    changing: Sequence[str]
    column: str
    code: str

    def frames(self, books: Books) -> dict[str, pl.DataFrame]:
        """The frames of books that are others now: rows of a customer or a contract in the place of those that were."""
        found = frames_of_agreements(self.statements, TierSets(tiers_of_contracts(self.statements)), self.changing)
        frames = dict[str, pl.DataFrame]()
        for table in tables.BOOKS_TABLES:
            if table.name in self.changing:
                before, rows = getattr(books, table.name), found[table.name]
                if self.column == "grant_id":  # other grants of the contract stay as they are
                    rows = rows.filter(pl.col(self.column) == self.code)
                if rows.height or (before.get_column(self.column) == self.code).any():
                    frames[table.name] = spliced(table, before, self.column, self.code, rows)
        return frames


def touched_by(books: Books, statements: Statements, document: Document) -> Touched | None:
    """What of sound books a document of one item touches; None where that may be more than is told here."""
    found, problems = read_alone(document)
    [(section, items)] = document.tree.items()
    code = items[0]["id"]
    if section == "customers":
        return _customer(books, statements, found, problems, code)
    if section == "contracts":
        return _contract(books, statements, found, problems, code)
    return _grant(books, statements, found, problems, code, items[0]["contract"])


def _customer(books: Books, statements: Statements, found: Statements, problems: Sequence[Problem], code: str) -> Touched:
    every = replace(statements, customers=statements.customers.restated(found.customers))
    stated = found.customers.get(code)
    external = None if stated is None else stated.terms.external_id
    alike = books.customers.filter(pl.col("external_id") == external).get_column("customer_id").to_list() if external else []
    # in the order in which they stand, for it is the later one that has the problem
    chosen = [one for one in every.customers.stated if one == code or one in alike] if alike else [code]
    return Touched(
        replace(every, customers=every.customers.only(chosen), contracts=every.contracts.only([]), grants=[]),
        every,
        problems,
        ("customers",),
        "customer_id",
        code,
    )


def _contract(
    books: Books, statements: Statements, found: Statements, problems: Sequence[Problem], code: str
) -> Touched | None:
    every = replace(statements, contracts=statements.contracts.restated(found.contracts))
    before, after = statements.contracts.get(code), found.contracts.get(code)
    if after is not None and not _is_alone(books, statements, None if before is None else before.terms, after.terms):
        return None
    grants = [] if before is None else _grants_of(books, statements, code)
    return Touched(_of_contract(every, code, grants), every, problems, OF_CONTRACTS, "contract_id", code)


def _grant(
    books: Books, statements: Statements, found: Statements, problems: Sequence[Problem], code: str, contract: str
) -> Touched | None:
    stem = code.rpartition("#")[0] or code
    named = pl.col("grant_id")
    if books.credit_grants.select(((named == stem) | (named == code) | named.str.starts_with(f"{stem}#")).any()).item():
        return None
    if any(grant.terms.every is not None for grant in found.grants):
        return None
    every = replace(statements, grants=[*statements.grants, *found.grants])
    some = _of_contract(every, contract, [*_grants_of(books, statements, contract), *found.grants])
    return Touched(some, every, problems, ("credit_grants",), "grant_id", code)


def _of_contract(every: Statements, code: str, grants: list[Stated[CreditGrant]]) -> Statements:
    return replace(every, customers=every.customers.only([]), contracts=every.contracts.only([code]), grants=grants)


def _grants_of(books: Books, statements: Statements, contract: str) -> list[Stated[CreditGrant]]:
    if not (books.credit_grants.get_column("contract_id") == contract).any():
        return []
    return [grant for grant in statements.grants if grant.terms.contract == contract]


def _is_alone(books: Books, statements: Statements, before: Contract | None, after: Contract) -> bool:
    """Whether nothing but a contract itself changes with it: no tiers and values of its own, no zone that is new to meters and
    cards, no archived plan that goes on."""
    is_approved, is_there = pl.col("status") == "approved", pl.col("timezone") == statements.zone(after)
    if before is None:
        has_zone = after.status == "approved" and books.contracts.select((is_approved & is_there).any()).item()
    else:
        has_zone = statements.zone(before) == statements.zone(after) and before.status == after.status
    plans = [statements.plans.get(span.plan) for one in (before, after) if one is not None for span in plan_spans(one)]
    return (
        bool(has_zone)
        and not any(one is not None and _states_prices(one) for one in (before, after))
        and not any(plan is not None and plan.terms.status == "archived" for plan in plans)
    )


def _states_prices(contract: Contract) -> bool:
    return bool(contract.rate_overrides) or any(amendment.rate_overrides for amendment in contract.amendments)
