"""What rates a worked example: the oracle here; the kernel is another function of the same shape."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from tests.oracle.exact import decimal_of
from tests.oracle.oracle import Oracle
from tests.worked_examples.cases import Case


@dataclass(frozen=True)
class Bill:
    """One document, as far as a worked example looks at it: lines are description, quantity, amount."""

    contract_id: str
    kind: str
    lines: list[tuple[str, Decimal, Decimal]]
    total: Decimal


@dataclass(frozen=True)
class Outcome:
    """Documents in order of contract, kind and time; ledger entries as grant, type, amount, credits, balance."""

    bills: list[Bill]
    ledger: list[tuple[str, str, Decimal, Decimal | None, Decimal]]


Rater = Callable[[Case], Outcome]


def by_the_oracle(case: Case) -> Outcome:
    result = Oracle().run(case.books, case.events, case.as_of)
    bills = [
        Bill(
            invoice.contract_id,
            invoice.kind,
            [(line.description, decimal_of(line.quantity, 9), decimal_of(line.amount, 4)) for line in invoice.lines],
            decimal_of(invoice.total, 4),
        )
        for invoice in sorted(result.invoices, key=lambda invoice: (invoice.contract_id, invoice.kind, invoice.period_start))
    ]
    ledger = [
        (
            entry.grant_id,
            entry.type,
            decimal_of(entry.amount, 4),
            None if entry.credits is None else decimal_of(entry.credits, 9),
            decimal_of(entry.balance_after, 4),
        )
        for entry in result.ledger
        if entry.status == "posted"
    ]
    return Outcome(bills, ledger)


RATERS: list[Rater] = [by_the_oracle]
