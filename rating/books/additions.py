"""A few more agreements for books that are read and sound: the little of them that these touch, to be read and checked as everything
is.

A customer touches those of the same external id, a contract its grants, a grant its contract and the other grants of it. Where an
agreement may change what all share, everything is read again.

What belongs here: what touches what. What does not: any rule (see `checks`), any value (see `frames`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import polars as pl

from rating import tables
from rating.books.contract_files import ContractFiles, Grants
from rating.books.frames import frames_of_agreements, spliced, tiers_of_contracts
from rating.books.models import Contract, CreditGrant
from rating.books.problems import Problem
from rating.books.reading import read_alone
from rating.books.resolved_terms import plan_spans
from rating.books.source_locations import Document, Located
from rating.books.tier_sets import TierSets
from rating.catalog import OF_CONTRACTS

if TYPE_CHECKING:
    from rating.books import Books


@dataclass(frozen=True, slots=True)
class Touched:
    """Some of what files of the books state, to go over; all of them, with the additions; and what is wrong with the shape of these.

    codes: by the section of an addition, the ids of those.
    """

    contract_files: ContractFiles
    every: ContractFiles
    problems: Sequence[Problem]
    codes: Mapping[str, Sequence[str]]

    def frames(self, books: Books) -> dict[str, pl.DataFrame]:
        """The frames of books that are others now: rows of a customer or a contract in the place of those that were, rows of a grant
        beside the others of its contract."""
        replaced: dict[str, tuple[str, Sequence[str]]] = {}
        if self.codes["customers"]:
            replaced["customers"] = ("customer_id", self.codes["customers"])
        if self.codes["contracts"]:
            replaced |= dict.fromkeys(OF_CONTRACTS, ("contract_id", self.codes["contracts"]))
        names = dict.fromkeys([*replaced, *(["credit_grants"] if self.codes["credit_grants"] else [])])
        found = frames_of_agreements(self.contract_files, TierSets(tiers_of_contracts(self.contract_files)), [*names])
        frames = dict[str, pl.DataFrame]()
        for table in tables.BOOKS_TABLES:
            if table.name in names:
                column, codes = replaced.get(table.name, ("contract_id", ()))
                before, rows = getattr(books, table.name), found[table.name]
                is_mine = pl.col(column).is_in(codes)
                if table.name == "credit_grants":  # other grants of a contract that is none of these stay as they are
                    is_mine |= pl.col("grant_id").is_in(self.codes["credit_grants"])
                rows = rows.filter(is_mine)
                if rows.height or before.get_column(column).is_in(codes).any():
                    frames[table.name] = spliced(table, before, column, codes, rows)
        return frames


def touched_by(books: Books, contract_files: ContractFiles, documents: Sequence[Document]) -> Touched | None:
    """What of sound books documents of an item each touch; None where that may be more than is told here."""
    found, problems = read_alone(documents)
    items: dict[str, list[Mapping[str, Any]]] = {"customers": [], "contracts": [], "credit_grants": []}
    for document in documents:
        for section, stated in document.tree.items():
            items[section] += stated
    codes = {section: [item["id"] for item in stated] for section, stated in items.items()}
    contracts = [item["contract"] for item in items["credit_grants"]]
    return touched(books, contract_files, found, problems, codes, contracts)


def touched(
    books: Books,
    contract_files: ContractFiles,
    found: ContractFiles,
    problems: Sequence[Problem],
    codes: Mapping[str, Sequence[str]],
    contracts_of_grants: Sequence[str],
    *,
    takes_prices: bool = False,
) -> Touched | None:
    """As `touched_by`, of what was found in files. codes: by section, all that was to be stated.

    takes_prices: also contracts with prices of their own, but for tiers; warnings about these are not told.
    """
    if not _are_alone(books, contract_files, found.contracts.values(), takes_prices=takes_prices):
        return None
    if _may_be_known(books, codes["credit_grants"]) or any(grant.terms.every is not None for grant in found.grants):
        return None
    every = replace(
        contract_files,
        customers=contract_files.customers.restated(found.customers),
        contracts=contract_files.contracts.restated(found.contracts),
        grants=contract_files.grants.and_then([*found.grants]),
    )
    contracts = dict.fromkeys([*codes["contracts"], *contracts_of_grants])
    some = replace(
        every,
        customers=every.customers.only(_customers_to_go_over(books, every, found, codes["customers"])),
        contracts=every.contracts.only([*contracts]),
        grants=Grants([*_grants_of(books, contract_files, contracts), *found.grants]),
    )
    return Touched(some, every, problems, codes)


def _customers_to_go_over(books: Books, every: ContractFiles, found: ContractFiles, codes: Sequence[str]) -> Sequence[str]:
    """Customers, and those of the same external id."""
    externals = {stated.terms.external_id for stated in found.customers.values()} - {None}
    if not externals:
        return codes
    alike = books.customers.filter(pl.col("external_id").is_in(externals)).get_column("customer_id").to_list()
    if not alike:
        return codes
    chosen = {*codes, *alike}
    # in the order in which they stand, for it is the later one that has the problem
    return [one for one in every.customers.stated if one in chosen]


def _grants_of(books: Books, contract_files: ContractFiles, contracts: Collection[str]) -> list[Located[CreditGrant]]:
    ids = books.credit_grants.filter(pl.col("contract_id").is_in(contracts)).get_column("grant_id").to_list()
    if not ids:
        return []
    found = contract_files.grants.some({*ids, *(_stem(code) for code in ids)})
    return [grant for grant in found if grant.terms.contract in contracts]


def _stem(code: str) -> str:
    """The id of a grant that comes again, of one of its times."""
    return code.rpartition("#")[0] or code


def _may_be_known(books: Books, grants: Sequence[str]) -> bool:
    """Whether books have one of these grants, or one that may be a time of one of them, or the other way round."""
    if not grants:
        return False
    stems = {_stem(code) for code in grants}
    known = books.credit_grants.get_column("grant_id")
    times = known.filter(known.str.contains("#", literal=True))
    return bool(known.is_in({*grants, *stems}).any() or times.str.contains_any([f"{stem}#" for stem in stems]).any())


def _are_alone(
    books: Books, contract_files: ContractFiles, contracts: Iterable[Located[Contract]], *, takes_prices: bool
) -> bool:
    """Whether nothing but these contracts themselves changes with them: no tiers and values of their own, no zone that is new to
    meters and cards, no archived plan that goes on."""
    terms = {stated.terms.id: stated.terms for stated in contracts}
    if not terms:
        return True
    is_one = pl.col("contract_id").is_in(terms.keys())
    before = books.contracts.filter(is_one)
    plans = {span.plan for contract in terms.values() for span in plan_spans(contract)}
    plans.update(books.contract_terms.filter(is_one).get_column("plan_code").unique())
    return (
        (takes_prices or not any(_states_prices(contract) for contract in terms.values()))
        and books.rate_overrides.filter(is_one, pl.lit(not takes_prices) | pl.col("tier_set_id").is_not_null()).is_empty()
        and all(
            (contract_files.zone(terms[code]), terms[code].status) == (zone, status)
            for code, zone, status in before.select("contract_id", "timezone", "status").iter_rows()
        )
        and _have_known_zones(books, contract_files, [terms[code] for code in {*terms} - {*before.get_column("contract_id")}])
        and not any((plan := contract_files.plans.get(code)) is not None and plan.terms.status == "archived" for code in plans)
    )


def _have_known_zones(books: Books, contract_files: ContractFiles, contracts: Sequence[Contract]) -> bool:
    """Whether these are approved, in zones of others that are."""
    known = {*books.contracts.filter(pl.col("status") == "approved").get_column("timezone").unique()} if contracts else set()
    return all(one.status == "approved" and contract_files.zone(one) in known for one in contracts)


def _states_prices(contract: Contract) -> bool:
    return bool(contract.rate_overrides) or any(amendment.rate_overrides for amendment in contract.amendments)
