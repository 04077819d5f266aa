"""What drafts ask of the books, laid out once for thousands of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from rating.books import Books


@dataclass(frozen=True, slots=True)
class Known:
    """currencies: of every plan, by code. contracts: their ids."""

    books: Books
    currencies: Mapping[str, str]
    contracts: frozenset[str]
    _values: dict[tuple[str, str | None], list[set[str]]] = field(default_factory=dict)

    def is_as(self, other: Known) -> bool:
        """Whether drafts come to the same by both, as far as they do not ask which contracts there are."""
        mine, theirs = self.books, other.books
        return mine is theirs or (
            mine.deals == theirs.deals
            and self.currencies == other.currencies
            and mine.pricings.equals(theirs.pricings)
            and mine.plan_pricings.equals(theirs.plan_pricings)
            and mine.rate_card_entries.equals(theirs.rate_card_entries)
        )

    def values(self, meter: str, plan: str | None) -> list[set[str]]:
        """The values that a plan's cards of a meter price, by group key; none of a key whose cards take any value."""
        if (meter, plan) not in self._values:
            self._values[meter, plan] = _priced_values(self.books, meter, plan)
        return self._values[meter, plan]


_HELD: dict[str, Known] = {}


def known_of(books: Books) -> Known:
    """The same for the same books."""
    if books.version not in _HELD:
        _HELD.clear()
        _HELD[books.version] = Known(
            books,
            dict(books.plans.select("plan_code", "currency").iter_rows()),
            frozenset(books.contracts.get_column("contract_id")),
        )
    return _HELD[books.version]


def _priced_values(books: Books, meter: str, plan: str | None) -> list[set[str]]:
    pricings = books.pricings.filter(pl.col("meter_code") == meter, pl.col("rate_card_code").is_not_null())
    if plan is not None:
        of_plan = books.plan_pricings.filter(pl.col("plan_code") == plan).get_column("pricing_code")
        pricings = pricings.filter(pl.col("pricing_code").is_in(of_plan.implode()))
    entries = books.rate_card_entries.filter(
        pl.col("rate_card_code").is_in(pricings.get_column("rate_card_code").implode())
    ).get_column("group_values")
    rows: list[list[Any]] = entries.to_list()
    if not rows:
        return []
    columns = [{row[place] for row in rows} for place in range(len(rows[0]))]
    return [set() if None in column else column for column in columns]
