"""Terms of a deal as a reviewer reads them: one sentence each, beside what stands now (R-76)."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import polars as pl

from dagster_project.deals.drafting import Draft, Term
from dagster_project.deals.values import MONEY
from rating.books import Books


def sentence(term: Term, draft: Draft, books: Books) -> str:
    """What a term means."""
    who, value = draft.value("customer_name") or draft.customer, term.value
    start = draft.value("start_date") or "its start"
    if term.name.startswith("rate_override:"):
        standing = _standing_price(term.name, draft, books)
        instead = "" if standing is None else f" instead of {_money(standing)}"
        return f"{who} pays {_money(value)}{instead} for {_combination(term.name, books)} from {start}"
    if term.name.startswith("grant:"):
        grant, _, key = term.name.removeprefix("grant:").rpartition(".")
        shown = _money(value) if key in ("amount", "price") else value
        return _OF_GRANTS[key].format(who=who, value=shown, grant=grant)
    told = _SENTENCES.get(term.name)
    if told is None:
        return f"{term.name.replace('_', ' ')}: {value}"
    shown = _money(value) if term.name in MONEY else _plan_name(value, books) if term.name == "plan" else value
    return told.format(who=who, value=shown)


_OF_GRANTS = {
    "amount": "{who} gets credits of {value} ({grant})",
    "price": "{who} pays {value} for them ({grant})",
    "effective_at": "{who} may draw them from {value} ({grant})",
    "expires_at": "{who} may draw them until {value} ({grant})",
}
_SENTENCES = {
    "plan": "{who} is on {value}",
    "start_date": "The terms hold from {value}",
    "end_date": "The contract ends with the day before {value}",
    "net_terms": "{who} pays within {value} days",
    "base_fee": "{who} pays a base fee of {value} a period",
    "minimum_spend": "{who} pays at least {value} of usage a period",
    "maximum_spend": "{who} pays at most {value} of usage a period",
    "renewal": "The contract is renewed: {value}",
}


def standing(term: Term, draft: Draft, books: Books) -> str | None:
    """What holds now where the deal changes it: the price, or the terms of the contract or plan."""
    if term.name.startswith("rate_override:"):
        found = _standing_price(term.name, draft, books)
        return None if found is None else _money(found)
    rows = books.contract_terms.filter(pl.col("contract_id") == draft.contract).sort("effective_date")
    if rows.height and draft.kind != "new":
        name = "plan_code" if term.name == "plan" else term.name
        if name in rows.columns:
            value = rows.item(-1, name)
            return None if value is None else str(value)
        if name == "end_date":
            day = books.contracts.filter(pl.col("contract_id") == draft.contract).item(0, "end_date")
            return None if day is None else f"{day}"
        return None
    if term.name in ("customer_name", "legal_name", "billing_address"):
        known = books.customers.filter(pl.col("customer_id") == draft.customer)
        return None if known.is_empty() else known.item(0, {"customer_name": "name"}.get(term.name, term.name))
    plan = books.plans.filter(pl.col("plan_code") == (draft.value("plan") or ""))
    if plan.height and term.name in ("base_fee", "net_terms", "maximum_spend"):
        value = plan.item(0, term.name)
        return None if value is None else (_money(value) if term.name != "net_terms" else str(value))
    return None


def _combination(name: str, books: Books) -> str:
    meter, _, pairs = name.removeprefix("rate_override:").partition(":")
    found = books.meters.filter(pl.col("meter_code") == meter).get_column("display_name").to_list()
    values = [pair.split("=", 1)[1] for pair in pairs.split(",") if pair]
    shown = " / ".join(value[:1].upper() + value[1:] for value in values)
    return f"{found[0] if found else meter}" + (f" - {shown}" if shown else "")


def _standing_price(name: str, draft: Draft, books: Books) -> Decimal | None:
    """The list price of a combination on the day the deal begins; where no card has one, the fallback."""
    meter, _, pairs = name.removeprefix("rate_override:").partition(":")
    values = [pair.split("=", 1)[1] for pair in pairs.split(",") if pair]
    plan = draft.value("plan") or _plan_of(draft, books)
    pricings = books.plan_pricings.filter(pl.col("plan_code") == (plan or "")).join(
        books.pricings.filter(pl.col("meter_code") == meter), on="pricing_code"
    )
    if pricings.is_empty():
        return None
    pricing = pricings.row(0, named=True)
    day = date.fromisoformat(draft.value("start_date") or "9999-12-31")
    entries = (
        books.rate_card_entries.filter(
            pl.col("rate_card_code") == (pricing["rate_card_code"] or ""),
            (pl.col("effective_from") <= day).fill_null(value=True),
        )
        .sort("effective_from", nulls_last=False)
        .filter(pl.col("effective_from").eq_missing(pl.col("effective_from").last()))
    )
    best: tuple[int, Decimal] | None = None
    for row in entries.iter_rows(named=True):
        pattern = row["group_values"]
        fits = len(pattern) == len(values) and all(part in (None, value) for part, value in zip(pattern, values, strict=True))
        rank = sum(part is not None for part in pattern)
        if fits and row["unit_amount"] is not None and (best is None or rank > best[0]):
            best = rank, row["unit_amount"]
    found: Decimal | None = best[1] if best is not None else pricing["unit_amount"]
    return found


def _plan_of(draft: Draft, books: Books) -> str | None:
    rows = books.contract_terms.filter(pl.col("contract_id") == draft.contract).sort("effective_date")
    return None if rows.is_empty() else str(rows.item(-1, "plan_code"))


def _plan_name(code: str, books: Books) -> str:
    found = books.plans.filter(pl.col("plan_code") == code).get_column("name").to_list()
    return found[0] if found else code


def _money(value: str | Decimal) -> str:
    number = Decimal(value)
    digits = max(2, -number.normalize().as_tuple().exponent)  # type: ignore[operator]
    return f"{number:,.{digits}f}"
