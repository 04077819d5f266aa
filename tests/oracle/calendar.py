"""Local days, billing periods and rating windows (R-6, R-14, R-17, R-18): one contract, one date at a time."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

MONTHS_OF = {"monthly": 1, "quarterly": 3, "semi_annually": 6, "annually": 12}


def first_instant(day: date, zone: str) -> datetime:
    """The first instant of a local day, naive UTC (R-6). A midnight that a clock change skips or repeats: the earliest instant."""
    midnight = datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone), fold=0)
    return midnight.astimezone(UTC).replace(tzinfo=None)


def local_date(instant: datetime, zone: str) -> date:
    return instant.replace(tzinfo=UTC).astimezone(ZoneInfo(zone)).date()


@dataclass(frozen=True)
class Period:
    """One billing period: its instants, its local days, and how many days it has where nothing cuts it short."""

    start: datetime
    end: datetime
    start_date: date
    end_date: date
    full_days: int

    def days(self) -> Iterator[date]:
        day = self.start_date
        while day < self.end_date:
            yield day
            day += timedelta(days=1)


@dataclass(frozen=True)
class Window:
    """One rating window: a stretch of a period in which terms and grants stand still."""

    start: datetime
    end: datetime


def day_in_month(months_since_year_0: int, day: int) -> date:
    """That day of the month, or the month's last one (R-17)."""
    year, month = divmod(months_since_year_0, 12)
    return date(year, month + 1, min(day, monthrange(year, month + 1)[1]))


def boundaries(start_date: date, frequency: str, anchor: int, anchor_month: int | None = None) -> Iterator[date]:
    """The days on which full periods begin, from the one at or before the start date on, without end (R-17)."""
    if frequency == "weekly":
        day = start_date
        while True:
            yield day
            day += timedelta(days=7)
    month = start_date.year * 12 + start_date.month - 1
    while anchor_month is not None and (month + 1 - anchor_month) % MONTHS_OF[frequency]:
        month -= 1
    if day_in_month(month, anchor) > start_date:
        month -= 1 if anchor_month is None else MONTHS_OF[frequency]
    while True:
        yield day_in_month(month, anchor)
        month += MONTHS_OF[frequency]


def periods(
    start_date: date,
    end_date: date | None,
    frequency: str,
    anchor: int,
    zone: str,
    issued_days: dict[date, date],
    until: datetime,
    anchor_month: int | None = None,
) -> list[Period]:
    """The contract's periods that begin at or before `until`.

    `issued_days` maps the first day of every issued period to the day after its last: where the contract has been prolonged,
    its issued short period stays as it is and a new one begins at its end (R-42).
    """
    days = boundaries(start_date, frequency, anchor, anchor_month)
    found = []
    full_start = next(days)
    while first_instant(max(full_start, start_date), zone) <= until and (end_date is None or full_start < end_date):
        full_end = next(days)
        first = max(full_start, start_date)
        last = full_end if end_date is None else min(full_end, end_date)
        while first < last:
            cut = min(issued_days.get(first, last), last)
            found.append(Period(first_instant(first, zone), first_instant(cut, zone), first, cut, (full_end - full_start).days))
            first = cut
        full_start = full_end
    return [period for period in found if period.start <= until]


def full_length(start_date: date, frequency: str, anchor: int, zone: str, period: Period, anchor_month: int | None) -> int:
    """Microseconds of the period, were it not cut short by the contract's start or end (R-98)."""
    days = boundaries(start_date, frequency, anchor, anchor_month)
    first, after = next((a, b) for a, b in pairwise(days) if a <= period.start_date < b)
    return (first_instant(after, zone) - first_instant(first, zone)) // timedelta(microseconds=1)


def windows(period: Period, changes: set[datetime]) -> list[Window]:
    """The period cut at every instant at which something changes inside it (R-18)."""
    cuts = [period.start, *sorted(instant for instant in changes if period.start < instant < period.end), period.end]
    return [Window(start, end) for start, end in pairwise(cuts)]
