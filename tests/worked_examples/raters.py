"""What rates a worked example: the oracle, and the kernel on the usage that the oracle metered."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.oracle.exact import decimal_of
from tests.oracle.oracle import Oracle
from tests.properties.kernel import Kernel
from tests.properties.strategies import usage_frame, write_books
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


def by_the_kernel(case: Case) -> Outcome:
    usage = usage_frame(Oracle().usage(case.books, case.events, case.as_of))
    with TemporaryDirectory() as folder:
        made = Kernel().run(write_books(case.books, Path(folder)), usage, case.as_of, issue=True)
    lines = {
        invoice_id: [(line["description"], line["quantity"], line["amount"]) for line in own.sort("line_no").to_dicts()]
        for (invoice_id,), own in made.lines.group_by("invoice_id")
    }
    bills = [
        Bill(row["contract_id"], row["kind"], lines.get(row["invoice_id"], []), row["total"])
        for row in made.invoices.sort("contract_id", "kind", "period_start").to_dicts()
    ]
    posted = made.ledger.filter(status="posted").select("grant_id", "type", "amount", "credits", "balance_after")
    return Outcome(bills, posted.rows())


RATERS: list[Rater] = [by_the_oracle, by_the_kernel]
