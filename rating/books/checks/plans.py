"""Plans: their currency, their pricings, and what deserves a warning."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal

from rating.books.checks.settings import currency_problem
from rating.books.contract_files import ContractFiles
from rating.books.currencies import MINOR_DIGITS
from rating.books.models import Plan
from rating.books.problems import Problem, listed
from rating.books.resolved_terms import plan_spans
from rating.books.source_locations import SourceLocation
from rating.books.values import is_finer_than


def plan_problems(contract_files: ContractFiles) -> Iterator[Problem]:
    for plan in contract_files.plans.values():
        terms, place = plan.terms, plan.place
        currency = contract_files.plan_currency(terms)
        if currency is None and contract_files.settings_known:
            yield place.at("currency").problem("the plan has no currency", "Add `currency: …` here or to the settings")
        yield from currency_problem(terms.currency, place.at("currency"))
        yield from amount_problem(terms.base_fee, currency, place.at("base_fee"))
        yield from amount_problem(terms.maximum_spend, currency, place.at("maximum_spend"))
        yield from _pricing_problems(terms, place, currency, contract_files)


def amount_problem(
    amount: Decimal | None, currency: str | None, place: SourceLocation, *, billed_by: str = ""
) -> Iterator[Problem]:
    """The problem of an amount finer than its currency's minor unit (R-3)."""
    digits = MINOR_DIGITS.get(currency or "")
    if amount is not None and digits is not None and is_finer_than(amount, digits):
        what = f"{amount:f} is an amount finer than the minor unit of {currency}{billed_by}"
        yield place.problem(what, f"Write at most {digits} decimals" if digits else "Write a whole amount")


def _pricing_problems(
    plan: Plan, place: SourceLocation, currency: str | None, contract_files: ContractFiles
) -> Iterator[Problem]:
    seen: set[str] = set()
    for position, code in enumerate(plan.pricings):
        at = place.at("pricings", position)
        yield from contract_files.pricings.unknown(code, at)
        if code in seen:
            yield at.problem(f"pricing `{code}` is named twice by the plan", "Name it once")
        seen.add(code)
        pricing = contract_files.pricings.get(code)
        if pricing is not None:
            yield from amount_problem(
                pricing.terms.amount, currency, pricing.place.at("amount"), billed_by=f" (plan `{plan.code}`)"
            )


def plan_warnings(contract_files: ContractFiles) -> Iterator[str]:
    """Archived plans that are still in use, and prices that one number states in two currencies."""
    users: dict[str, list[str]] = defaultdict(list)
    for contract in contract_files.contracts.values():
        for span in plan_spans(contract.terms):
            users[span.plan].append(contract.terms.id)
    currencies: dict[str, set[str]] = defaultdict(set)
    for plan in contract_files.plans.values():
        contracts = list(dict.fromkeys(users[plan.terms.code]))
        if plan.terms.status == "archived" and contracts:
            yield f"{plan.place}: plan `{plan.terms.code}` is archived, and its contracts go on: {listed(contracts)}."
        for code in plan.terms.pricings:
            currencies[code].add(contract_files.plan_currency(plan.terms) or "")
    for code, found in sorted(currencies.items()):
        if len(found) > 1:
            yield f"{contract_files.pricings.stated[code].place}: pricing `{code}` is the same number in {listed(sorted(found))}."
