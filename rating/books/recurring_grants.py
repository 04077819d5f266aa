"""Recurring grants as the single grants they come to, one a billing period (R-111)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import polars as pl

from rating.books.resolved_terms import DatedGrant, Recurrence
from rating.schedule import MONTHS_PER_PERIOD, billing_periods


@dataclass(frozen=True, slots=True)
class SingleGrant:
    """One grant, or one time of a recurring one; `rolls_into` is the time that follows, where there is one and a rest may move."""

    grant: DatedGrant
    grant_id: str
    effective_at: datetime
    expires_at: datetime | None
    rolls_into: str | None


def single_grants(grants: Sequence[DatedGrant], contracts: pl.DataFrame) -> Iterator[SingleGrant]:
    """Every grant once, recurring ones once a billing period. contracts: CONTRACTS, approved or not."""
    periods = _periods(grants, contracts)
    for grant in grants:
        terms, again = grant.terms, grant.terms.recurrence
        if again is None:
            yield SingleGrant(grant, terms.grant_id, terms.effective_at, terms.expires_at, None)
        else:
            yield from _times(grant, again, periods[terms.contract_id])


def _times(grant: DatedGrant, again: Recurrence, periods: Sequence[tuple[datetime, datetime]]) -> Iterator[SingleGrant]:
    """The times of one grant. Those that outlive their contract expire with its last period."""
    terms = grant.terms
    later = [(start, end) for start, end in periods if start >= terms.effective_at]
    begun = [start for start, _ in later if again.until is None or start < again.until][: again.times]
    for number, start in enumerate(begun, 1):
        last = min(number + again.periods - 1, len(later))
        has_next = again.rollover is not None and number < len(begun)
        following = f"{terms.grant_id}#{number + 1}" if has_next else None
        yield SingleGrant(grant, f"{terms.grant_id}#{number}", start, later[last - 1][1], following)


def _periods(grants: Sequence[DatedGrant], contracts: pl.DataFrame) -> dict[str, list[tuple[datetime, datetime]]]:
    """Billing periods of contracts with recurring grants, as far as any of these reach."""
    recurring = [grant for grant in grants if grant.terms.recurrence is not None]
    if not recurring:
        return {}
    steps = dict(
        contracts.select(
            "contract_id", pl.col("billing_frequency").replace_strict(MONTHS_PER_PERIOD, default=0, return_dtype=pl.Int64)
        ).iter_rows()
    )
    by_year: defaultdict[int, set[str]] = defaultdict(set)  # the calendar is laid once for all that reach as far
    for grant in recurring:
        by_year[_reach(grant, steps[grant.terms.contract_id]).year].add(grant.terms.contract_id)
    found: dict[str, list[tuple[datetime, datetime]]] = {}
    for year, ids in sorted(by_year.items()):
        of_year = contracts.filter(pl.col("contract_id").is_in(ids))
        laid = billing_periods(of_year, datetime(year + 1, 1, 1))  # noqa: DTZ001 - instants are naive UTC throughout
        found |= {contract_id: [] for contract_id in ids}
        for contract_id, start, end in laid.select("contract_id", "period_start", "period_end").iter_rows():
            found[contract_id].append((start, end))
    return found


def _reach(grant: DatedGrant, months: int) -> datetime:
    """An instant by which every period that the grant may last into has begun."""
    again = grant.terms.recurrence
    assert again is not None
    length = timedelta(days=31 * months if months else 7)
    ends = [end for end in (again.until, grant.contract_end) if end is not None]
    if again.times is not None:
        ends.append(grant.terms.effective_at + (again.times + 1) * length)
    return min(ends) + (again.periods + 1) * length
