"""Documents, and what one run remembers for the next (R-36, R-37, R-42)."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date, datetime
from fractions import Fraction

from tests.oracle.calendar import Window
from tests.oracle.credits import DocumentKey, Draw, Entry
from tests.oracle.lines import ZERO, Line, LineKey
from tests.oracle.metering import PeriodKey, Rating

KINDS = ("initial", "period", "adjustment")


@dataclass
class Invoice:
    """One document, with the names of `tables.INVOICES`."""

    kind: str
    contract_id: str
    customer_id: str
    currency: str
    period_start: datetime
    period_end: datetime
    lines: list[Line]
    sequence: int = 0
    adjusts: DocumentKey | None = None
    status: str = "draft"
    number: str | None = None
    issued_at: datetime | None = None
    due_date: date | None = None

    @property
    def key(self) -> DocumentKey:
        return (self.contract_id, self.kind, self.period_start, self.sequence)

    @property
    def subtotal(self) -> Fraction:
        return sum((line.amount for line in self.lines), ZERO)

    @property
    def credits_applied(self) -> Fraction:
        return sum((line.credits_applied for line in self.lines), ZERO)

    @property
    def total(self) -> Fraction:
        return self.subtotal - self.credits_applied

    def numbering_order(self) -> tuple[object, ...]:
        return (self.period_end, self.contract_id, KINDS.index(self.kind), self.period_start, self.sequence)


@dataclass(frozen=True)
class Difference:
    """A line of an adjustment, and the line as it is now (None: it is no more)."""

    line: Line
    now: Line | None


def differences(now: list[Line], issued: dict[LineKey, Line], spans_of: dict[str, list[Window]]) -> list[Difference]:
    """Every line whose amount is not the sum already issued for it (R-42).

    spans_of: the windows, or plan intervals, of the period as they are now, by meter.
    """
    found = []
    for line in now:
        before = issued.get(line.key)
        if before is None and line.amount:
            found.append(Difference(replace(line), line))
        elif before is not None and line.amount != before.amount:
            found.append(Difference(less(line, before), line))
    gone = issued.keys() - {line.key for line in now}
    return found + [
        Difference(nothing_left_of(before, spans_of.get(before.meter_code or "", [])), None)
        for key, before in issued.items()
        if key in gone and before.amount
    ]


def less(line: Line, before: Line) -> Line:
    """The line as it is now, with the differences of its numbers; its shares are where it grew (R-44)."""
    return replace(
        line,
        quantity=line.quantity - before.quantity,
        exact_amount=line.exact_amount - before.exact_amount,
        amount=line.amount - before.amount,
        event_count=line.event_count - before.event_count,
        shares={window: share - issued_in(window, before.shares) for window, share in line.shares.items()},
    )


def issued_in(window: Window, shares: dict[Window, Fraction]) -> Fraction:
    """An issued share counts to the window now containing its start (R-44)."""
    return sum((share for issued, share in shares.items() if window.start <= issued.start < window.end), ZERO)


def nothing_left_of(before: Line, spans: list[Window]) -> Line:
    """The line taken back; its shares go from where they count to now, and where no window is any more from where they were."""
    shares: dict[Window, Fraction] = {}
    for issued, share in before.shares.items():
        home = next((span for span in spans if span.start <= issued.start < span.end), issued)
        shares[home] = shares.get(home, ZERO) - share
    return replace(
        before,
        quantity=-before.quantity,
        exact_amount=-before.exact_amount,
        amount=-before.amount,
        event_count=-before.event_count,
        shares=shares,
    )


@dataclass
class Memory:
    """What earlier runs have left behind."""

    issued: list[Invoice] = field(default_factory=list)
    ledger: list[Entry] = field(default_factory=list)
    # by issued period: the sum of what is issued for each line, what credits paid of it, its last rating, and the
    # adjustment which that rating asks for and which is not issued yet
    lines: dict[PeriodKey, dict[LineKey, Line]] = field(default_factory=dict)
    draws: dict[PeriodKey, dict[LineKey, list[Draw]]] = field(default_factory=dict)
    ratings: dict[PeriodKey, Rating] = field(default_factory=dict)
    pending: dict[PeriodKey, list[Difference]] = field(default_factory=dict)
    # what initial invoices have billed: ("one_time", pricing) or ("prepaid_purchase", grant), by contract
    billed: set[tuple[str, str, str]] = field(default_factory=set)
    as_of: datetime | None = None

    def issued_periods(self, contract_id: str) -> list[Invoice]:
        found = [invoice for invoice in self.issued if (invoice.contract_id, invoice.kind) == (contract_id, "period")]
        return sorted(found, key=lambda invoice: invoice.period_start)

    def count_of(self, contract_id: str, kind: str, period_start: datetime) -> int:
        return sum((i.contract_id, i.kind, i.period_start) == (contract_id, kind, period_start) for i in self.issued)
