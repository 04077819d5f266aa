"""Books of one contract, and of many copies of it: what an estimate is rated by.

A copy's ids are those of the original with the number of the copy behind them, so that copies are contracts like any others.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import polars as pl

from rating import tables
from rating.books import Books
from rating.tables import SMALL, TEXT

COPY = "\x1f"  # between an id and the number of its copy; no id has it
CUSTOMER = "$customer"
AT_LIST_PRICE = "estimate"  # contract and customer that stand for anybody


def one_contract(books: Books, contract_id: str) -> Books:
    """The books of one contract and the customers it covers; a draft is read as if it were approved."""
    only = books.only(pl.Series([contract_id]))
    customers = pl.concat([only.contracts.get_column("customer_id"), only.covered_customers.get_column("customer_id")]).unique()
    return replace(
        only,
        contracts=only.contracts.with_columns(status=pl.lit("approved")),
        customers=books.customers.filter(pl.col("customer_id").is_in(customers.implode())),
    )


def at_list_price(books: Books, plan_code: str, since: date) -> Books:
    """The books of a contract that has a plan, from the first day of a year on, and nothing agreed beside it."""
    plan = books.plans.filter(pl.col("plan_code") == plan_code).row(0, named=True)
    first = date(since.year, 1, 1)
    contract = {
        **plan,
        "contract_id": AT_LIST_PRICE,
        "customer_id": AT_LIST_PRICE,
        "start_date": first,
        "billing_anchor": 1,
        "timezone": books.settings.timezone,
        "status": "approved",
        "place": "",
    }
    terms = {**plan, "contract_id": AT_LIST_PRICE, "effective_date": first, "base_fee_in_advance": plan["is_in_advance"]}
    return replace(
        books.only(pl.Series([], dtype=TEXT)),
        customers=tables.CUSTOMERS.frame([{"customer_id": AT_LIST_PRICE}]),
        contracts=tables.CONTRACTS.frame([contract]),
        contract_terms=tables.CONTRACT_TERMS.frame([terms]),
    )


def copied(books: Books, count: int) -> Books:
    """The books with the contract `count` times more, each with customers of its own, and nothing that is no matter of usage."""
    numbers = _numbers(count)
    contract, both = ("contract_id",), ("contract_id", "customer_id")
    return replace(
        books,
        customers=_copies(books.customers, numbers, "customer_id", "external_id"),
        contracts=_copies(books.contracts, numbers, *both),
        covered_customers=_copies(books.covered_customers, numbers, *both),
        contract_terms=_copies(books.contract_terms, numbers, *contract),
        rate_overrides=_copies(books.rate_overrides, numbers, *contract),
        commitments=_copies(books.commitments, numbers, *contract),
        credit_grants=books.credit_grants.clear(),
        manual_charges=books.manual_charges.clear(),
    )


def events_of_every_copy(events: pl.DataFrame, count: int) -> pl.DataFrame:
    """raw_tables.EVENTS as those of every copy."""
    return _copies(events, _numbers(count), *_IDS_OF_EVENTS)


def beginnings(events: pl.DataFrame) -> pl.DataFrame:
    """The first k of raw_tables.EVENTS, by position, as those of the k-th copy, for every k."""
    pairs = events.join(_numbers(events.height), how="cross").filter(pl.col("position") <= pl.col("copy"))
    return pairs.with_columns(_of_copy(name) for name in _IDS_OF_EVENTS).select(events.columns)


def usage_of_every_copy(usage: pl.DataFrame, count: int) -> pl.DataFrame:
    """USAGE as that of every copy."""
    return _copies(usage, _numbers(count), "contract_id", "customer_id")


def original_customers(usage: pl.DataFrame, books: Books) -> pl.DataFrame:
    """USAGE with customers in its combinations as they are called, whichever copy they belong to."""
    named = usage.join(books.meters.select("meter_code", "group_keys"), on="meter_code", how="left", maintain_order="left")
    original = pl.col("group_values").list.eval(pl.element().str.split(COPY).list.first())
    is_by_customer = pl.col("group_keys").list.contains(CUSTOMER)
    return named.with_columns(group_values=pl.when(is_by_customer).then(original).otherwise("group_values")).select(
        usage.columns
    )


def number_of(name: str) -> pl.Expr:
    """The number of the copy that an id belongs to."""
    return pl.col(name).str.split(COPY).list.last().cast(SMALL)


_IDS_OF_EVENTS = ("customer_id", "external_customer_id", "idempotency_key", "file")


def _numbers(count: int) -> pl.DataFrame:
    return pl.DataFrame({"copy": range(count + 1)}, schema={"copy": SMALL})


def _copies(frame: pl.DataFrame, numbers: pl.DataFrame, *ids: str) -> pl.DataFrame:
    return frame.join(numbers, how="cross").with_columns(_of_copy(name) for name in ids).select(frame.columns)


def _of_copy(name: str) -> pl.Expr:
    """An id with the number of its copy; null stays null."""
    return (pl.col(name) + pl.lit(COPY) + pl.col("copy").cast(TEXT)).alias(name)
