"""Every worked example, rated by every rater there is."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.worked_examples.cases import CASES, Case
from tests.worked_examples.raters import RATERS, Bill, Rater


def first_period(bills: list[Bill], contract_id: str) -> Bill:
    return next(bill for bill in bills if (bill.contract_id, bill.kind) == (contract_id, "period"))


@pytest.mark.parametrize("rate", RATERS, ids=lambda rater: rater.__name__)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_worked_example_comes_out(case: Case, rate: Rater) -> None:
    outcome = rate(case)
    for contract_id, lines in case.expects.items():
        expected = [(description, Decimal(quantity), Decimal(amount)) for description, quantity, amount in lines]
        assert first_period(outcome.bills, contract_id).lines == expected
    for contract_id, total in case.totals.items():
        assert first_period(outcome.bills, contract_id).total == Decimal(total)
    if case.ledger is not None:
        expected_entries = [(g, t, Decimal(a), None if c is None else Decimal(c), Decimal(b)) for g, t, a, c, b in case.ledger]
        assert sorted(outcome.ledger, key=repr_of_entry) == sorted(expected_entries, key=repr_of_entry)
    if case.initial_total is not None:
        assert sum(bill.total for bill in outcome.bills if bill.kind == "initial") == Decimal(case.initial_total)
    if case.invoices is not None:
        assert [bill.kind for bill in outcome.bills].count("period") == case.invoices


def repr_of_entry(entry: tuple[str, str, Decimal, Decimal | None, Decimal]) -> tuple[str, str, Decimal]:
    return entry[:3]
