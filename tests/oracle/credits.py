"""Credits (R-30..R-34, R-44): one grant, one window, one line at a time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction

from tests.oracle.books import PER_WINDOW, Contract, Grant
from tests.oracle.calendar import Window
from tests.oracle.exact import QUANTITY_DIGITS, half_away
from tests.oracle.lines import ZERO, Line, LineKey, has_maximum

FEES = ("base_fee", "flat", "minimum_commitment", "commitment_shortfall")
DocumentKey = tuple[str, str, datetime, int]  # contract, kind, period start, and which of those it is (from 0)


@dataclass(frozen=True)
class Entry:
    """One ledger entry, with the names of `tables.CREDIT_LEDGER`; document and line are named by their keys."""

    contract_id: str
    grant_id: str
    type: str
    amount: Fraction
    credits: Fraction | None
    currency: str
    document: DocumentKey | None
    line: LineKey | None
    occurred_at: datetime
    status: str
    balance_after: Fraction


@dataclass
class Draw:
    """What one grant paid of one line and has not got back since."""

    grant_id: str
    amount: Fraction


class Wallet:
    """The grants of one contract during one run: balances, and the entries that the run adds to them."""

    def __init__(self, contract: Contract, posted: list[Entry], windows: list[Window]) -> None:
        self.contract = contract
        self.windows = windows
        self.added: list[Entry] = []
        self.balances: dict[str, Fraction] = {}
        self.granted: dict[str, Fraction] = {}
        self.rolled_in: dict[str, Fraction] = {}
        self.rolled_out: dict[str, Fraction] = {}
        self.drawn: dict[str, Fraction] = {}
        for entry in posted:
            self._count(entry)
            if entry.type == "rollover" and entry.amount > 0:
                self.rolled_in[entry.grant_id] = self.rolled_in.get(entry.grant_id, ZERO) + entry.amount

    def _count(self, entry: Entry) -> None:
        self.balances[entry.grant_id] = entry.balance_after
        if entry.type in ("grant", "adjustment"):
            self.granted[entry.grant_id] = self.granted.get(entry.grant_id, ZERO) + entry.amount
        elif entry.type == "rollover" and entry.amount < 0:
            self.rolled_out[entry.grant_id] = self.rolled_out.get(entry.grant_id, ZERO) - entry.amount
        elif entry.type in ("usage", "reversal"):
            self.drawn[entry.grant_id] = self.drawn.get(entry.grant_id, ZERO) - entry.amount

    def enter(
        self,
        grant: Grant,
        kind: str,
        amount: Fraction,
        occurred_at: datetime,
        status: str,
        document: DocumentKey | None = None,
        line: LineKey | None = None,
    ) -> None:
        """Add one entry. A balance below zero or above the grant's amount is a mistake of the oracle itself (R-32)."""
        before = self.balances.get(grant.grant_id, ZERO)
        after = before + amount
        units = None
        if rate := grant.credit_rate:
            units = half_away(after / rate, QUANTITY_DIGITS) - half_away(before / rate, QUANTITY_DIGITS)
        entry = Entry(
            self.contract.contract_id,
            grant.grant_id,
            kind,
            amount,
            units,
            self.contract.currency,
            document,
            line,
            occurred_at,
            status,
            after,
        )
        self.added.append(entry)
        self._count(entry)
        self.rolled_in[grant.grant_id] = self.rolled_in.get(grant.grant_id, ZERO) + (
            max(amount, ZERO) if kind == "rollover" else 0
        )
        most = grant.amount + self.rolled_in[grant.grant_id]
        assert 0 <= after <= most, f"{grant.grant_id}: balance {after} of {most}"

    def grant_what_is_effective(self, as_of: datetime, status: str) -> None:
        """Post every grant once it is effective, and the difference where the books have changed its amount (R-32)."""
        for grant in sorted(self.contract.grants, key=lambda grant: (grant.effective_at, grant.grant_id)):
            if grant.grant_id in self.granted:
                if difference := grant.amount - self.granted[grant.grant_id]:
                    self.enter(grant, "adjustment", difference, as_of, status)
            elif as_of >= grant.effective_at:
                self.enter(grant, "grant", grant.amount, grant.effective_at, status)

    def draw(
        self, lines: list[Line], occurred_at: datetime, status: str, document: DocumentKey, last: Window | None
    ) -> dict[LineKey, list[Draw]]:
        """Pay lines of positive amount: grants in drawing order, windows in time order, lines in invoice order (R-31)."""
        beyond = -sum((line.amount for line in lines if line.kind == "maximum_spend"), ZERO)
        fees = [line for line in lines if line.kind in FEES and line.amount > 0]
        lines = [line for line in lines if line.kind == "usage" and line.amount > 0]
        # what is not additive accrues at the end of its plan interval, so in the last window of it
        left: dict[tuple[LineKey, Window], Fraction] = {}
        for line in lines:
            is_additive = self.contract.books.meters[line.meter_code or ""]["aggregation"] in PER_WINDOW
            for share_of, share in line.shares.items():
                window = share_of if is_additive else next((w for w in self.windows if w.end == share_of.end), share_of)
                left[line.key, window] = left.get((line.key, window), ZERO) + share
        spans = sorted({window for _, window in left}, key=lambda window: window.start)
        for window in reversed(spans):  # what is beyond the maximum came last, and is paid by nobody
            for line in reversed(lines) if has_maximum(self.contract, window) else ():
                cut = min(max(beyond, ZERO), max(left.get((line.key, window), ZERO), ZERO))
                if cut:
                    left[line.key, window] -= cut
                    beyond -= cut
        draws: dict[LineKey, list[Draw]] = {}
        for grant in self.contract.grants:
            paid: dict[LineKey, Fraction] = {}
            available = self.balances.get(grant.grant_id, ZERO)
            for window in spans:
                for line in lines:
                    assert line.meter_code is not None
                    share = left.get((line.key, window), ZERO)
                    amount = min(available, share, line.amount - line.credits_applied)
                    if amount > 0 and grant.pays(line.meter_code, window.start, window.end):
                        available -= amount
                        left[line.key, window] = share - amount
                        line.credits_applied += amount
                        paid[line.key] = paid.get(line.key, ZERO) + amount
            for fee in fees:  # after usage, as if they accrued in the period's last window
                amount = min(available, fee.amount - fee.credits_applied)
                if amount > 0 and last is not None and grant.pays(None, last.start, last.end):
                    available -= amount
                    fee.credits_applied += amount
                    paid[fee.key] = paid.get(fee.key, ZERO) + amount
            for line_key, amount in paid.items():  # in the order in which the grant came to them
                self.enter(grant, "usage", -amount, occurred_at, status, document, line_key)
                draws.setdefault(line_key, []).append(Draw(grant.grant_id, amount))
        return draws

    def give_back(
        self, lines: list[Line], drawn: dict[LineKey, list[Draw]], as_of: datetime, status: str, document: DocumentKey
    ) -> None:
        """Return credits for lines of negative amount, last drawn first; what an expired grant paid is money back (R-44).

        Takes what it returns off `drawn`, money back included.
        """
        grants = {grant.grant_id: grant for grant in self.contract.grants}
        beyond = sum((line.amount for line in lines if line.kind == "maximum_spend"), ZERO)
        kept: dict[LineKey, Fraction] = {}  # usage that lay beyond the maximum was paid by nobody
        for line in reversed(lines):
            if line.kind == "usage" and line.amount < 0:
                kept[line.key] = min(max(beyond, ZERO), -line.amount)
                beyond -= kept[line.key]
        for line in lines:
            can_be_paid = line.kind == "usage" or line.kind in FEES
            owed = max(-line.amount - kept.get(line.key, ZERO), ZERO) if can_be_paid else ZERO
            for draw in reversed(drawn.get(line.key, [])):
                back = min(owed, draw.amount)
                draw.amount -= back
                owed -= back
                grant = grants[draw.grant_id]
                if back and (grant.expires_at is None or grant.expires_at > as_of):
                    line.credits_applied -= back
                    self.enter(grant, "reversal", back, as_of, status, document, line.key)

    def roll_over(self, grant: Grant, as_of: datetime) -> None:
        """Move the unused rest up to the maximum into the next grant; what was rolled in is used first (R-111)."""
        following = next((g for g in self.contract.grants if g.grant_id == grant.rolls_into and g.effective_at <= as_of), None)
        if following is None or grant.rollover is None:
            return
        assert grant.expires_at is not None
        name = grant.grant_id
        rest = self.balances.get(name, ZERO)
        may_roll = grant.rollover - self.rolled_out.get(name, ZERO)
        if not grant.rolls_again:
            unused_of_rolled_in = max(self.rolled_in.get(name, ZERO) - self.drawn.get(name, ZERO), ZERO)
            may_roll = min(may_roll, rest - unused_of_rolled_in)
        moved = min(rest, may_roll)
        if moved > 0:
            self.enter(grant, "rollover", -moved, grant.expires_at, "posted")
            self.enter(following, "rollover", moved, grant.expires_at, "posted")

    def expire(self, grant: Grant) -> None:
        """Post the unused rest as lapsed (R-32)."""
        rest = self.balances.get(grant.grant_id, ZERO)
        if rest:
            assert grant.expires_at is not None
            self.enter(grant, "expiration", -rest, grant.expires_at, "posted")
