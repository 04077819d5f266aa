"""The oracle: an independent rater, slow and obviously right, against which the kernel is held.

Plain Python: one event, one window, one line at a time, fractions for all arithmetic. It shares no code with the kernel.
What the rules leave open, and how it was decided here, is in README.md beside this file.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tests.oracle.billing import Billing, closes_at, issued_days
from tests.oracle.books import Books
from tests.oracle.credits import Entry
from tests.oracle.documents import Invoice, Memory
from tests.oracle.lines import Line
from tests.oracle.metering import Disposition, Event, Metered, Metering, UsageRow


@dataclass(frozen=True)
class Result:
    """What stands after a run: everything ever issued and posted, and this run's drafts."""

    invoices: list[Invoice]
    ledger: list[Entry]
    usage: list[UsageRow]
    dispositions: list[Disposition]

    @property
    def lines(self) -> list[tuple[Invoice, Line]]:
        return [(invoice, line) for invoice in self.invoices for line in invoice.lines]


class Oracle:
    """Rates run after run, and remembers what it has issued.

    Books are the mapping that their YAML parses to. An event is a mapping with the columns of raw_events (`properties` a
    mapping) and `landed`, the as_of of the run that landed it.
    """

    def __init__(self) -> None:
        self.memory = Memory()

    def usage(self, books: dict[str, Any], events: list[Event], as_of: datetime) -> list[UsageRow]:
        return self._meter(Books(books), events, as_of).rows

    def dispositions(self, books: dict[str, Any], events: list[Event], as_of: datetime) -> list[Disposition]:
        return self._meter(Books(books), events, as_of).dispositions

    def run(self, books: dict[str, Any], events: list[Event], as_of: datetime, *, issue: bool = True) -> Result:
        """Rate what is known at as_of, issue what is due (R-37), and remember it."""
        memory = self.memory
        assert memory.as_of is None or as_of >= memory.as_of, "runs go forward (R-46)"
        sections = Books(books)
        metered = self._meter(sections, events, as_of)
        invoices: list[Invoice] = []
        entries: list[Entry] = []
        for contract_id in sorted(sections.contracts):
            contract = sections.contracts[contract_id]
            if contract.approved:
                billing = Billing(memory, contract, metered, as_of, issue=issue)
                billing.run()
                invoices += billing.invoices
                entries += billing.wallet.added
        self._number([invoice for invoice in invoices if invoice.status == "issued"])
        memory.ledger += [entry for entry in entries if entry.status == "posted"]
        self._remember_ratings(sections, metered, as_of)
        memory.as_of = as_of
        drafts = [invoice for invoice in invoices if invoice.status == "draft"]
        return Result(
            invoices=[*memory.issued, *drafts],
            ledger=[*memory.ledger, *(entry for entry in entries if entry.status == "draft")],
            usage=metered.rows,
            dispositions=metered.dispositions,
        )

    def _meter(self, books: Books, events: list[Event], as_of: datetime) -> Metered:
        memory = self.memory
        days = {contract_id: issued_days(memory, contract) for contract_id, contract in books.contracts.items()}
        closed = [
            rating for rating in memory.ratings.values() if as_of >= closes_at(books.contracts[rating.contract_id], rating.end)
        ]
        return Metering(books, days, closed, as_of).run([event for event in events if event["landed"] <= as_of])

    def _number(self, issued: list[Invoice]) -> None:
        """Gapless, in order of period end, contract id and kind (R-37)."""
        for invoice in sorted(issued, key=Invoice.numbering_order):
            self.memory.issued.append(invoice)
            invoice.number = f"INV-{len(self.memory.issued):06d}"

    def _remember_ratings(self, books: Books, metered: Metered, as_of: datetime) -> None:
        """Every issued period that was open in this run, or issued by it, keeps what this rating contained (R-45)."""
        for invoice in [invoice for invoice in self.memory.issued if invoice.kind == "period"]:
            key = (invoice.contract_id, invoice.period_start)
            still_open = as_of < closes_at(books.contracts[invoice.contract_id], invoice.period_end)
            if still_open or key not in self.memory.ratings:
                self.memory.ratings[key] = metered.rating_of(invoice.contract_id, invoice.period_start, invoice.period_end)
