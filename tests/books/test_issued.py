"""What the books may no longer say once something is issued (second half of R-5)."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from rating.books import contract_facts, load, problems_against
from rating.documents import Documents
from rating.tables import CREDIT_LEDGER, INVOICES

NOW = datetime(2026, 3, 1)  # noqa: DTZ001  (instants are naive UTC)


def issued(contract_id: str = "acme-2026") -> Documents:
    """One issued invoice of a contract, and a grant posted, drawn upon, given back to and lapsed."""
    invoice = dict.fromkeys(INVOICES.names) | {
        "invoice_id": "i1",
        "number": "INV-000001",
        "kind": "period",
        "status": "issued",
        "contract_id": contract_id,
        "customer_id": "cust_123",
        "currency": "USD",
        "period_start": NOW,
        "period_end": NOW,
        "subtotal": Decimal(1),
        "credits_applied": Decimal(0),
        "total": Decimal(1),
        "books_version": "b",
        "content_hash": "h",
        "month": "2026-02",
    }
    entry = dict.fromkeys(CREDIT_LEDGER.names) | {
        "contract_id": contract_id,
        "grant_id": "acme-credits",
        "currency": "USD",
        "occurred_at": NOW,
        "status": "posted",
        "balance_after": Decimal(0),
    }
    movements = {"grant": 600, "usage": -450, "reversal": 50, "adjustment": -100, "expiration": -100}
    ledger = [entry | {"entry_id": kind, "type": kind, "amount": Decimal(amount)} for kind, amount in movements.items()]
    return replace(Documents.none(), invoices=INVOICES.frame([invoice]), ledger=CREDIT_LEDGER.frame(ledger))


def spoilt(good: Path, old: str, new: str) -> Path:
    path = good / "agreements.yaml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    return good


def sentences(good: Path, old: str, new: str) -> list[str]:
    facts = contract_facts(load(good))
    return [str(problem) for problem in problems_against(load(spoilt(good, old, new)), issued(), facts)]


def test_unchanged_books_have_no_problem(good: Path) -> None:
    books = load(good)
    assert problems_against(books, issued(), contract_facts(books)) == []
    assert problems_against(books, Documents.none()) == []


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        (
            "billing_anchor: 1\n",
            "billing_anchor: 15\n",
            "agreements.yaml:5 contracts[0].billing_anchor: contract `acme-2026` has issued documents",
        ),
        ("America/New_York", "America/Chicago", "its timezone has changed from `America/New_York` to `America/Chicago`"),
        ("status: approved\n", "status: draft\n", "contracts[0].status: contract `acme-2026` is a draft, but 1 documents"),
        ("credits: 1562.5,", "credits: 1560,", "is worth 499.2000 USD, but 500.0000 were drawn from it or have expired"),
        ("id: acme-credits", "id: acme-credits-2", "grant `acme-credits` is gone, but it is posted"),
        (
            "{id: acme-credits, contract: acme-2026",
            "{id: acme-credits, contract: former-1",
            "is posted to contract `acme-2026`",
        ),
    ],
)
def test_what_issued_documents_forbid(good: Path, old: str, new: str, sentence: str) -> None:
    found = sentences(good, old, new)
    assert len(found) == 1
    assert sentence in found[0]


def test_start_currency_and_frequency_stay(good: Path) -> None:
    facts = contract_facts(load(good)).with_columns(
        currency=pl.lit("EUR"), billing_frequency=pl.lit("weekly"), start_date=pl.lit(date(2025, 1, 1))
    )
    found = [problem.what for problem in problems_against(load(good), issued(), facts)]
    assert found == [
        "contract `acme-2026` has issued documents, and its billing_frequency has changed from `weekly` to `monthly`",
        "contract `acme-2026` has issued documents, and its currency has changed from `EUR` to `USD`",
        "contract `acme-2026` has issued documents, and its start_date has changed from `2025-01-01` to `2026-01-01`",
    ]


def test_without_facts_the_currency_is_still_compared(good: Path) -> None:
    assert "currency has changed from `USD` to `JPY`" in problems_against(load(good), issued("tokyo-1"))[0].what


def test_a_lost_contract(good: Path) -> None:
    found = [problem.what for problem in problems_against(load(good), issued("gone"))]
    assert "contract `gone` is gone, but 1 documents of it are issued" in found


def test_a_time_of_a_recurring_grant_that_would_come_no_more(good: Path) -> None:
    path = good / "agreements.yaml"
    path.write_text(
        path.read_text() + "- {id: monthly, contract: acme-2026, kind: promotional, amount: 5, every: period, times: 2}\n"
    )
    books = load(good)
    entry = dict.fromkeys(CREDIT_LEDGER.names) | {
        "entry_id": "monthly#3:grant",
        "contract_id": "acme-2026",
        "grant_id": "monthly#3",
        "type": "grant",
        "amount": Decimal(5),
        "currency": "USD",
        "occurred_at": NOW,
        "status": "posted",
        "balance_after": Decimal(5),
    }
    [problem] = problems_against(books, replace(Documents.none(), ledger=CREDIT_LEDGER.frame([entry])))
    assert "grant `monthly#3` is gone, but it is posted in the ledger. Let it come again" in str(problem)
