"""One contract's documents in one run (R-32, R-34..R-37, R-42..R-45), in the order in which they draw credits."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from datetime import date, datetime, timedelta
from fractions import Fraction

from tests.oracle.books import PER_WINDOW, Contract, Grant
from tests.oracle.calendar import Period, Window, windows
from tests.oracle.credits import Wallet
from tests.oracle.documents import Difference, Invoice, Memory, differences
from tests.oracle.lines import (
    ZERO,
    Line,
    fees_in_advance,
    one_time_charges,
    period_lines,
    prepaid_purchase,
    pricing_order,
    shortfalls,
)
from tests.oracle.metering import Metered, PeriodKey, UsageRow

LINE_KINDS = ("usage", "base_fee", "flat", "maximum_spend", "minimum_commitment", "commitment_shortfall", "manual")


def issued_days(memory: Memory, contract: Contract) -> dict[date, date]:
    return {contract.day(i.period_start): contract.day(i.period_end) for i in memory.issued_periods(contract.contract_id)}


def closes_at(contract: Contract, period_end: datetime) -> datetime:
    """When an issued period takes no more events (R-45)."""
    return contract.instant(contract.day(period_end) + timedelta(days=contract.books.rerate_days))


class Billing:
    """Bills one contract. Issued documents go into the memory as they are made; everything made is in `invoices`."""

    def __init__(self, memory: Memory, contract: Contract, metered: Metered, as_of: datetime, *, issue: bool) -> None:
        self.memory = memory
        self.contract = contract
        self.metered = metered
        self.as_of = as_of
        self.issue = issue
        self.status = "posted" if issue else "draft"
        self.invoices: list[Invoice] = []
        self.days = issued_days(memory, contract)
        spans = [window for period in self._periods(as_of) for window in windows(period, contract.changes())]
        self.wallet = Wallet(contract, [entry for entry in memory.ledger if entry.contract_id == contract.contract_id], spans)
        self.issued_starts = {invoice.period_start for invoice in memory.issued_periods(contract.contract_id)}

    def run(self) -> None:
        self.wallet.grant_what_is_effective(self.as_of, self.status)
        self._initial_invoices()
        waiting = [period for period in self._periods(self.as_of) if period.start not in self.issued_starts]
        due = [period for period in waiting if self.issue and self.as_of >= self._due_at(period)]
        adjustments = self._adjustments()
        ripe = [adjustment for adjustment in adjustments if due or self._closes_without_successor(adjustment)]
        for adjustment in ripe:
            self._expire(before=adjustment[0].period_start)
            self._adjust(adjustment, issue=True)
        for period in due:
            self._expire(before=period.start)
            self._bill_period(period, issue=True)
        self._expire()
        for adjustment in adjustments:
            if adjustment not in ripe:
                self._adjust(adjustment, issue=False)
        for period in waiting:
            if period not in due:
                self._bill_period(period, issue=False)

    # --- time -----------------------------------------------------------------------------------------------------------------

    def _periods(self, until: datetime) -> list[Period]:
        return self.contract.periods(self.days, until)

    def _due_at(self, period: Period) -> datetime:
        """When the period is issued (R-37)."""
        return self.contract.instant(period.end_date + timedelta(days=self.contract.books.grace_days))

    def _every_period_is_issued(self) -> bool:
        """Whether the contract has ended and nothing is left to issue."""
        end = self.contract.end
        return end is not None and all(period.start in self.issued_starts for period in self._periods(end))

    # --- documents ------------------------------------------------------------------------------------------------------------

    def _document(self, kind: str, start: datetime, end: datetime, lines: list[Line], sequence: int) -> Invoice:
        invoice = Invoice(kind, self.contract.contract_id, self.contract.customer_id, self.contract.currency, start, end, lines)
        invoice.sequence = sequence
        self.invoices.append(invoice)
        return invoice

    def _issue(self, invoice: Invoice) -> None:
        last_day = self.contract.day(max(invoice.period_start, invoice.period_end - timedelta(microseconds=1)))
        net_terms = self.contract.net_terms_on(last_day)
        invoice.status = "issued"
        invoice.issued_at = self.as_of
        invoice.due_date = self.contract.day(self.as_of) + timedelta(days=net_terms)

    def _initial_invoices(self) -> None:
        """One document a day for its one-time charges and prepaid grants that no earlier initial invoice has billed (R-36)."""
        first = next(iter(self._periods(self.as_of)), None)
        fees = fees_in_advance(self.contract, first) if first and first.start not in self.issued_starts else []
        charges = [(self.contract.start, fee.kind, fee.pricing_code or "", fee) for fee in fees]
        charges += [
            (self.contract.start, "one_time", line.pricing_code or "", line) for line in one_time_charges(self.contract)
        ]
        for grant in sorted(self.contract.grants, key=lambda grant: grant.grant_id):
            day_start = self.contract.instant(self.contract.day(grant.effective_at))
            if grant.price:
                charges.append((day_start, "prepaid_purchase", grant.grant_id, prepaid_purchase(grant, day_start)))
        contract_id = self.contract.contract_id
        new = [charge for charge in charges if (contract_id, charge[1], charge[2]) not in self.memory.billed]
        for day_start in sorted({charge[0] for charge in new if charge[0] <= self.as_of}):
            todays = [charge for charge in new if charge[0] == day_start]
            sequence = self.memory.count_of(contract_id, "initial", day_start)
            lines = [charge[3] for charge in todays]
            invoice = self._document("initial", day_start, day_start, lines, sequence)
            self.wallet.draw(lines, day_start, self.status, invoice.key, Window(day_start, day_start))
            if self.issue:
                self._issue(invoice)
                self.memory.billed |= {(contract_id, charge[1], charge[2]) for charge in todays}

    def _bill_period(self, period: Period, *, issue: bool) -> None:
        rows = self.metered.rows_of(self.contract.contract_id, period.start)
        lines = self._lines(period, rows)
        invoice = self._document("period", period.start, period.end, lines, 0)
        last = windows(period, self.contract.changes())[-1]
        draws = self.wallet.draw(lines, period.end, "posted" if issue else "draft", invoice.key, last)
        if issue:
            self._issue(invoice)
            key = (self.contract.contract_id, period.start)
            self.memory.lines[key] = {line.key: line for line in lines}
            self.memory.draws[key] = draws
            self.issued_starts.add(period.start)

    def _lines(self, period: Period, rows: list[UsageRow]) -> list[Line]:
        """The lines of a period as they are now, with what commitments lack (R-106)."""
        lines = period_lines(self.contract, period, rows)
        lines += [*self._owed_for_itself(period), *self._ahead(period)]
        lines.sort(key=lambda line: LINE_KINDS.index(line.kind))
        if not self.contract.entry.get("commitments"):
            return lines
        charged = [(period.end, line) for line in lines]
        for other in self._periods(self.as_of):
            if other.start != period.start:
                charged += [(other.end, line) for line in self._charged(other)]
        for original in self.memory.issued_periods(self.contract.contract_id):
            if self._is_closed(original) and original.period_start != period.start:
                key = (original.contract_id, original.period_start)
                issued = [*self.memory.lines[key].values(), *(found.line for found in self.memory.pending.get(key, []))]
                charged += [(original.period_end, line) for line in issued]
        found = shortfalls(self.contract, period, charged)
        return sorted([*lines, *found], key=lambda line: LINE_KINDS.index(line.kind))

    # --- fees in advance (R-104) ----------------------------------------------------------------------------------------------

    def _ahead(self, period: Period) -> list[Line]:
        """What the next period costs."""
        following = next((p for p in self._periods(period.end) if p.start == period.end), None)
        return fees_in_advance(self.contract, following) if following else []

    def _owed_for_itself(self, period: Period) -> list[Line]:
        """What differs from what was billed for the period by a document that nothing can correct any more."""
        before = next((p for p in self._periods(period.start) if p.end == period.start), None)
        contract_id = self.contract.contract_id
        originals = {original.period_start: original for original in self.memory.issued_periods(contract_id)}
        if before is None:
            initial = [i for i in self.memory.issued if (i.contract_id, i.kind) == (contract_id, "initial")]
            told = [line for invoice in initial for line in invoice.lines]
        elif before.start in originals and self._is_closed(originals[before.start]):
            key = (contract_id, before.start)
            told = [*self.memory.lines[key].values(), *(found.line for found in self.memory.pending.get(key, []))]
        else:
            return []
        billed: dict[tuple[str, str | None], list[Line]] = {}
        for line in told:
            if line.service_start == period.start:
                billed.setdefault((line.kind, line.pricing_code), []).append(line)
        owed = {(fee.kind, fee.pricing_code): fee for fee in fees_in_advance(self.contract, period)}
        lines = []
        for fee in [*owed, *(gone for gone in billed if gone not in owed)]:
            if before is None and fee not in billed and period.start not in originals:
                continue  # an initial invoice of this run bills it
            line = owed.get(fee) or replace(billed[fee][0], amount=ZERO, exact_amount=ZERO)
            amount = line.amount - sum((told.amount for told in billed.get(fee, [])), ZERO)
            exact_amount = line.exact_amount - sum((told.exact_amount for told in billed.get(fee, [])), ZERO)
            if amount:
                lines.append(
                    replace(line, quantity=Fraction(1), amount=amount, exact_amount=exact_amount, credits_applied=ZERO)
                )
        return lines

    def _charged(self, period: Period) -> list[Line]:
        """Lines of a period that takes events still; those of closed ones are remembered."""
        original = next(
            (i for i in self.memory.issued_periods(self.contract.contract_id) if i.period_start == period.start), None
        )
        if original is not None and self._is_closed(original):
            return []
        return period_lines(self.contract, period, self.metered.rows_of(self.contract.contract_id, period.start))

    def _is_closed(self, original: Invoice) -> bool:
        return self.as_of >= closes_at(self.contract, original.period_end)

    # --- credits --------------------------------------------------------------------------------------------------------------

    def _expire(self, before: datetime | None = None) -> None:
        """Grants whose time is over, in the order of time: what may moves on (R-111), the rest lapses."""
        if not self.issue:
            return
        for grant in sorted(self.contract.grants, key=lambda grant: grant.expires_at or self.as_of):
            in_time = before is None or (grant.expires_at is not None and grant.expires_at <= before)
            if in_time and self._lapses(grant):
                self.wallet.roll_over(grant, self.as_of)
                self.wallet.expire(grant)

    def _lapses(self, grant: Grant) -> bool:
        """R-32: with the last period that starts before expires_at, or after the contract's end once it expires."""
        if grant.expires_at is None:
            return False
        if self.contract.end is not None and self.contract.end < grant.expires_at:
            return self._every_period_is_issued() and self.as_of >= grant.expires_at
        before = [period for period in self._periods(grant.expires_at) if period.start < grant.expires_at]
        return before[-1].start in self.issued_starts if before else self.as_of >= grant.expires_at

    # --- re-rating ------------------------------------------------------------------------------------------------------------

    def _adjustments(self) -> list[tuple[Invoice, list[Difference]]]:
        """What each issued period's last rating asks for: today's, or where the period is closed the one it was closed with."""
        found = []
        for original in self.memory.issued_periods(self.contract.contract_id):
            key: PeriodKey = (original.contract_id, original.period_start)
            if self.as_of < closes_at(self.contract, original.period_end):
                self.memory.pending[key] = self._rerate(original)
            if self.memory.pending.get(key):
                found.append((original, self.memory.pending[key]))
        return found

    def _rerate(self, original: Invoice) -> list[Difference]:
        """R-42: the period that begins now where the issued one began; where none does, everything comes back."""
        period = next((p for p in self._periods(self.as_of) if p.start == original.period_start), None)
        rows = self.metered.rows_of(original.contract_id, original.period_start)
        now = self._lines(period, rows) if period else []
        order = pricing_order(self.contract, period) if period else []
        spans = windows(period, self.contract.changes()) if period else []
        intervals = self.contract.plan_intervals(period) if period else []
        meters = self.contract.books.meters
        spans_of = {code: spans if meter["aggregation"] in PER_WINDOW else intervals for code, meter in meters.items()}
        found = differences(now, self.memory.lines[original.contract_id, original.period_start], spans_of)
        return sorted(found, key=lambda difference: invoice_order(difference.line, order))

    def _closes_without_successor(self, adjustment: tuple[Invoice, list[Difference]]) -> bool:
        """R-43: no period invoice is left to be issued with, and rerate_days are over."""
        closed = self.as_of >= closes_at(self.contract, adjustment[0].period_end)
        return self.issue and closed and self._every_period_is_issued()

    def _adjust(self, adjustment: tuple[Invoice, list[Difference]], *, issue: bool) -> None:
        original, found = adjustment
        key: PeriodKey = (original.contract_id, original.period_start)
        lines = [replace(difference.line, credits_applied=ZERO) for difference in found]
        sequence = self.memory.count_of(original.contract_id, "adjustment", original.period_start)
        invoice = self._document("adjustment", original.period_start, original.period_end, lines, sequence)
        invoice.adjusts = original.key
        status = "posted" if issue else "draft"
        drawn = deepcopy(self.memory.draws[key])
        self.wallet.give_back(lines, drawn, self.as_of, status, invoice.key)
        period = next((p for p in self._periods(self.as_of) if p.end == original.period_end), None)
        last = windows(period, self.contract.changes())[-1] if period else Window(original.period_start, original.period_end)
        for line_key, draws in self.wallet.draw(lines, self.as_of, status, invoice.key, last).items():
            drawn.setdefault(line_key, []).extend(draws)
        if issue:
            self._issue(invoice)
            self.memory.draws[key] = drawn
            self._remember_as_issued(key, found)

    def _remember_as_issued(self, key: PeriodKey, found: list[Difference]) -> None:
        del self.memory.pending[key]
        for difference in found:
            if difference.now is None:
                del self.memory.lines[key][difference.line.key]
            else:
                self.memory.lines[key][difference.line.key] = difference.now


def invoice_order(line: Line, order: list[str]) -> tuple[object, ...]:
    """R-38, for lines that are and lines that were; a pricing that is no more comes last."""
    place = order.index(line.pricing_code) if line.pricing_code in order else len(order)
    values = [(value is None, value or "") for value in line.group_values or ()]
    return (LINE_KINDS.index(line.kind), place, line.pricing_code or "", values, line.price_from)
