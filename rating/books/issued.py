"""The books against what is already issued: what a change of the books may no longer touch (second half of R-5).

What belongs here: comparisons of frames. What does not: re-rating (a corrected price is welcome; R-42 deals with it).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from rating.books.problems import Problem
from rating.documents import Documents
from rating.tables import CONTRACTS, SMALL, TEXT, Column, Table

if TYPE_CHECKING:
    from rating.books import Books

_COME_AGAIN = "Let it come again: a later `until`, more `times`, or a later end of its contract"
_FIXED = ("start_date", "billing_anchor", "anchor_month", "timezone", "billing_frequency", "currency")
_FACTS = ("contract_id", *_FIXED)

CONTRACT_FACTS = Table(
    "contract_facts",
    "what was fixed about one contract when it was first issued",
    ("contract_id",),
    tuple(
        Column(column.name, column.dtype, column.meaning, column.nullable)
        for name in _FACTS
        for column in CONTRACTS.columns
        if column.name == name
    ),
)


def contract_facts(books: Books) -> pl.DataFrame:
    """CONTRACT_FACTS of every contract of the books; the shell keeps them beside what it issues, the first ones for ever."""
    return CONTRACT_FACTS.require(books.contracts.select(_FACTS))


LETTERHEADS = Table(
    "letterheads",
    "who bills whom on one document, as the books had it when it was made",
    ("invoice_id",),
    (
        Column("invoice_id", TEXT, "the document"),
        Column("seller_name", TEXT, "the organization; null: the books name none", True),
        Column("seller_address", TEXT, "its address, its lines apart by line breaks", True),
        Column("customer_name", TEXT, "legal name of the customer, else its name, else its id"),
        Column("billing_address", TEXT, "its address, its lines apart by line breaks", True),
        Column("contacts", TEXT, "whom it is sent to, apart by commas", True),
        Column("timezone", TEXT, "zone of the contract, whose days the document shows"),
        Column("minor_digits", SMALL, "decimals of its currency"),
    ),
)


def letterheads(books: Books, invoices: pl.DataFrame) -> pl.DataFrame:
    """LETTERHEADS of documents (INVOICES), as the books have them now."""
    contracts = books.contracts.select("contract_id", "timezone", "minor_digits")
    return LETTERHEADS.frame(
        invoices.select("invoice_id", "contract_id", "customer_id")
        .join(contracts, on="contract_id", how="left", maintain_order="left")
        .join(books.customers, on="customer_id", how="left", maintain_order="left")
        .with_columns(
            seller_name=pl.lit(books.settings.organization, dtype=TEXT),
            seller_address=pl.lit(books.settings.address, dtype=TEXT),
            customer_name=pl.coalesce("legal_name", "name", "customer_id"),
            contacts=pl.col("contacts").list.join(", "),
        )
    )


def problems_against(books: Books, issued: Documents, facts: pl.DataFrame | None = None) -> list[Problem]:
    """What the books may not say any more, given the issued documents and the posted ledger (R-5).

    `facts` is CONTRACT_FACTS as of each contract's first issue; without it only the currency is compared.
    """
    documents = issued.with_status("issued")
    invoiced = documents.invoices.group_by("contract_id").agg(pl.len().alias("documents"), pl.col("currency").min())
    contracts = books.contracts.join(invoiced.select("contract_id", "documents"), on="contract_id", how="inner")
    if facts is None:
        facts = invoiced.select("contract_id", "currency")
    problems = [
        *_lost_contracts(books, invoiced),
        *_drafts(contracts),
        *_changed_contracts(contracts, facts),
        *_grant_problems(books, documents.ledger),
    ]
    return sorted(problems, key=lambda problem: (problem.file, problem.line or 0, problem.path, problem.what))


def _lost_contracts(books: Books, invoiced: pl.DataFrame) -> list[Problem]:
    lost = invoiced.join(books.contracts, on="contract_id", how="anti")
    return [
        Problem(
            "contracts",
            None,
            contract_id,
            f"contract `{contract_id}` is gone, but {number} documents of it are issued",
            _RESTORE,
        )
        for contract_id, number in lost.select("contract_id", "documents").iter_rows()
    ]


def _drafts(contracts: pl.DataFrame) -> list[Problem]:
    drafts = contracts.filter(pl.col("status") == "draft")
    return [
        _problem(place, "status", f"contract `{contract_id}` is a draft, but {number} documents of it are issued", _APPROVE)
        for contract_id, number, place in drafts.select("contract_id", "documents", "place").iter_rows()
    ]


_RESTORE = "Put it back; to end it, give it an `end_date`"
_APPROVE = "Write `status: approved`; to end it, give it an `end_date`"


def _changed_contracts(contracts: pl.DataFrame, facts: pl.DataFrame) -> list[Problem]:
    both = contracts.join(facts, on="contract_id", how="inner", suffix="_issued")
    problems = []
    for name in _FIXED:
        before = f"{name}_issued"
        if before not in both.columns:
            continue
        changed = both.filter(pl.col(name).ne_missing(pl.col(before))).select("contract_id", name, before, "place")
        problems += [_changed(name, *row) for row in changed.iter_rows()]
    return problems


def _changed(name: str, contract_id: str, now: Any, before: Any, place: str) -> Problem:
    what = f"contract `{contract_id}` has issued documents, and its {name} has changed from `{before}` to `{now}`"
    return _problem(place, name, what, f"Put `{before}` back, or end this contract and begin another")


def _grant_problems(books: Books, ledger: pl.DataFrame) -> list[Problem]:
    """Posted grants that are gone, moved to another contract, or smaller than what was drawn from them and expired."""
    spent = pl.col("amount").filter(~pl.col("type").is_in(["grant", "adjustment"])).sum()
    posted = ledger.group_by("grant_id").agg(pl.col("contract_id").first(), (-spent).alias("spent"), pl.col("currency").first())
    found = posted.join(books.credit_grants, on="grant_id", how="left", suffix="_now")
    recurring = {grant_id.rpartition("#")[0] for grant_id in books.credit_grants.get_column("grant_id") if "#" in grant_id}
    problems = [
        Problem(
            "credit_grants",
            None,
            grant_id,
            f"grant `{grant_id}` is gone, but it is posted in the ledger",
            _COME_AGAIN if grant_id.rpartition("#")[0] in recurring else "Put it back",
        )
        for grant_id in found.filter(pl.col("place").is_null()).get_column("grant_id")
    ]
    moved = found.filter(pl.col("contract_id") != pl.col("contract_id_now"))
    for grant_id, before, place in moved.select("grant_id", "contract_id", "place").iter_rows():
        what = f"grant `{grant_id}` is posted to contract `{before}`"
        problems.append(_problem(place, "contract", what, f"Write `contract: {before}`, or state a new grant"))
    smaller = found.filter(pl.col("amount") < pl.col("spent"))
    for grant_id, amount, gone, currency, place in smaller.select(
        "grant_id", "amount", "spent", "currency", "place"
    ).iter_rows():
        what = f"grant `{grant_id}` is worth {amount} {currency}, but {gone} were drawn from it or have expired"
        problems.append(_problem(place, "amount", what, f"Write {gone} or more"))
    return problems


def _problem(place: str, key: str, what: str, fix: str) -> Problem:
    """A problem at a key of what stands at `place` (the text that the frames carry)."""
    where, _, path = place.rpartition(" ")
    file, _, line = where.rpartition(":")
    if file and line.isdigit():
        return Problem(file, int(line), f"{path}.{key}", what, fix)
    return Problem(where, None, f"{path}.{key}", what, fix)
