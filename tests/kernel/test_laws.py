"""What holds whatever happens: one eventful quarter, late usage and corrections included, looked at from every side."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TypeVar

import pytest

from tests.kernel.house import House, Run, Said, books, flat, meter, per_unit, rows, tiers

Key = TypeVar("Key")

CONTRACTS = ("a", "b", "c")
LADDER = {"model": "graduated", "tiers": tiers(("40", "0.333", "1"), ("90", "0.2505", "0.35"), (None, "0.111"))}
PACKAGES = {"model": "package", "package_size": "7", "unit_amount": "0.995"}


def grants(*, halved: bool = False, idle: bool = False, backwards: bool = False) -> list[Said]:
    """Three grants a contract; halved: each in two that are alike; idle: one more that cuts periods but never pays; backwards: the
    last one first."""
    stated = []
    for contract in CONTRACTS:
        of_contract: list[Said] = [
            {"id": f"{contract}_1", "kind": "promotional", "amount": "10.10", "expires_at": "2026-02-12"},
            {"id": f"{contract}_2", "kind": "prepaid", "amount": "21.30", "price": "20", "effective_at": "2026-01-14"},
            {
                "id": f"{contract}_3",
                "kind": "promotional",
                "amount": "90.08",
                "applies_to": ["OTHER"],
                "expires_at": "2026-03-02",
            },
        ]
        if halved:
            of_contract = [_half(grant, which) for grant in of_contract for which in "xy"]
        if idle:
            of_contract.append(
                {
                    "id": f"{contract}_9",
                    "amount": "5",
                    "effective_at": "2026-01-22",
                    "expires_at": "2026-02-22",
                    "applies_to": ["IDLE"],
                }
            )
        stated += [{"contract": contract, **grant} for grant in of_contract]
    return stated[::-1] if backwards else stated


def _half(grant: Said, which: str) -> Said:
    halves = {name: str(Decimal(grant[name]) / 2) for name in ("amount", "price") if name in grant}
    return {**grant, **halves, "id": f"{grant['id']}{which}"}


def said(**changes: bool) -> Said:
    override = {"pricing": "P1", "unit_amount": "0.4049", "effective_from": "2026-01-17", "effective_to": "2026-02-03"}
    return books(
        per_unit("0.3333"),
        LADDER,
        PACKAGES,
        per_unit("0.05", meter="OTHER"),
        per_unit("1", meter="IDLE"),
        flat("3"),
        meters=[meter("k"), meter(code="OTHER"), meter(code="IDLE")],
        contracts=[{"id": contract, "rate_overrides": [override], "minimum_spend": "30"} for contract in CONTRACTS],
        grants=grants(**changes),
    )


def use_month(house: House, month: int, salt: int, sign: int = 1) -> None:
    for number in range(24):
        quantity = Decimal((number * 37 + salt * 11) % 29) / 4 * sign
        day = (number * 7 + salt) % 28 + 1
        where: Said = {"contract": CONTRACTS[number % 3]}
        house.use(f"2026-{month:02}-{day:02}", str(quantity), "xy"[number % 2], **where)
        house.use(f"2026-{month:02}-{day:02}", str(quantity * 3), meter="OTHER", **where)


def quarter(folder: Path, **changes: bool) -> Run:
    """Three months, each issued, each with usage that came late or was taken back."""
    house = House(folder)
    house.open(said(**changes))
    use_month(house, 1, salt=1)
    house.run("2026-02-04")
    use_month(house, 1, salt=2)
    use_month(house, 2, salt=3)
    house.run("2026-03-04")
    use_month(house, 1, salt=3, sign=-1)
    use_month(house, 2, salt=5)
    use_month(house, 3, salt=4)
    house.run("2026-04-04")
    use_month(house, 2, salt=3, sign=-1)
    return house.run("2026-04-10")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return quarter(tmp_path_factory.mktemp("quarter"))


def lines(run: Run) -> list[SimpleNamespace]:
    return rows(run.known.lines)


def totals(run: Run) -> dict[str, Decimal]:
    return {header.invoice_id: Decimal(header.total) for header in rows(run.known.invoices) if header.kind != "initial"}


def summed(pairs: Iterable[tuple[Key, str]]) -> dict[Key, Decimal]:
    sums: dict[Key, Decimal] = defaultdict(Decimal)
    for key, amount in pairs:
        sums[key] += Decimal(amount)
    return dict(sums)


def test_the_quarter_is_eventful(run: Run) -> None:
    kinds = {(header.kind, header.status) for header in rows(run.known.invoices)}
    assert kinds >= {("initial", "issued"), ("period", "issued"), ("adjustment", "issued"), ("adjustment", "draft")}
    assert {entry.type for entry in run.entries()} == {"grant", "usage", "reversal", "expiration"}
    assert any(Decimal(line.amount) < 0 for line in lines(run))


def test_r3_totals_are_sums_of_lines(run: Run) -> None:
    amounts = summed([(line.invoice_id, line.amount) for line in lines(run)])
    paid = summed([(line.invoice_id, line.credits_applied) for line in lines(run)])
    for header in rows(run.known.invoices):
        assert Decimal(header.subtotal) == amounts.get(header.invoice_id, 0)
        assert Decimal(header.credits_applied) == paid.get(header.invoice_id, 0)
        assert Decimal(header.total) == Decimal(header.subtotal) - Decimal(header.credits_applied)


def test_r32_the_sum_of_a_grants_entries_is_its_balance_and_stays_between_nothing_and_its_amount(run: Run) -> None:
    amounts = {grant["id"]: Decimal(grant["amount"]) for grant in grants()}
    for grant_id, amount in amounts.items():
        balance = Decimal(0)
        for entry in run.entries(grant_id, "posted") + run.entries(grant_id, "draft"):
            balance += Decimal(entry.amount)
            assert Decimal(entry.balance_after) == balance
            assert 0 <= balance <= amount


def test_r30_credits_on_lines_are_the_ledgers_entries(run: Run) -> None:
    entries = [entry for entry in run.entries() if entry.type in ("usage", "reversal")]
    moved = summed([((entry.invoice_id, entry.line_no), entry.amount) for entry in entries])
    for line in lines(run):
        assert Decimal(line.credits_applied) == -moved.get((line.invoice_id, line.line_no), Decimal(0))
        if line.kind != "usage":
            assert line.credits_applied == "0.00"
        # no line is overpaid, and no more comes back than it takes back
        paid, amount = Decimal(line.credits_applied), Decimal(line.amount)
        assert abs(paid) <= abs(amount)
        assert paid * amount >= 0


def test_r38_shares_add_up_to_their_line(run: Run) -> None:
    shares = summed([((share.invoice_id, share.line_no), share.amount) for share in rows(run.known.shares)])
    usage = {(line.invoice_id, line.line_no): Decimal(line.amount) for line in lines(run) if line.kind == "usage"}
    assert {key: shares[key] for key in usage} == usage


def test_r23_tiers_add_up_to_their_line(run: Run) -> None:
    parts = summed([((tier.invoice_id, tier.line_no), tier.exact_amount) for tier in rows(run.known.tiers)])
    assert parts
    exact = {(line.invoice_id, line.line_no): Decimal(line.exact_amount) for line in lines(run)}
    assert {key: exact[key] for key in parts} == parts


def test_r37_numbers_have_no_gap(run: Run) -> None:
    numbers = [header.number for header in rows(run.known.invoices) if header.number]
    assert sorted(numbers) == [f"INV-{n:06}" for n in range(1, len(numbers) + 1)]


def test_r42_issued_documents_and_adjustments_come_to_what_one_run_would_bill(run: Run, tmp_path: Path) -> None:
    """Amounts before credits, line by line: had everything been known at once, the bill would be the same."""
    house = House(tmp_path)
    house.open(said())
    for month, salt, sign in ((1, 1, 1), (1, 2, 1), (2, 3, 1), (1, 3, -1), (2, 5, 1), (3, 4, 1), (2, 3, -1)):
        use_month(house, month, salt, sign)
    at_once = house.run("2026-04-10", issue=False)

    def billed(found: Run) -> dict[tuple[Any, ...], Decimal]:
        headers = {header.invoice_id: header for header in rows(found.known.invoices)}
        sums = summed(
            [
                (
                    (
                        headers[line.invoice_id].contract_id,
                        headers[line.invoice_id].period_start,
                        line.kind,
                        line.pricing_code,
                        line.dimensions,
                        line.price_from,
                    ),
                    line.amount,
                )
                for line in lines(found)
                if headers[line.invoice_id].kind != "initial"
            ]
        )
        return {key: amount for key, amount in sums.items() if amount}

    assert billed(run) == billed(at_once)


def test_r31_a_grant_in_two_halves_changes_no_total(run: Run, tmp_path: Path) -> None:
    assert totals(quarter(tmp_path, halved=True)) == totals(run)


def test_r31_the_order_of_grants_in_the_books_is_no_input(run: Run, tmp_path: Path) -> None:
    backwards = quarter(tmp_path, backwards=True)
    assert totals(backwards) == totals(run)
    assert rows(backwards.known.ledger) == rows(run.known.ledger)


def test_r18_a_grant_that_pays_nothing_cuts_periods_but_changes_no_amount(run: Run, tmp_path: Path) -> None:
    """What other grants pay may change: windows are drawn on in time order, and there are more of them."""

    def subtotals(found: Run) -> dict[str, str]:
        return {header.invoice_id: header.subtotal for header in rows(found.known.invoices)}

    assert subtotals(quarter(tmp_path, idle=True)) == subtotals(run)
