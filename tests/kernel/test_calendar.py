"""Local days and instants, both ways round the year (R-6, R-17)."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest

from rating.calendar import anchored, first_instants, local_dates
from tests.kernel.house import instant

# (zone, local day, its first instant in UTC)
FIRST_INSTANTS = [
    ("UTC", "2026-03-01", "2026-03-01T00:00"),
    ("America/New_York", "2026-03-08", "2026-03-08T05:00"),  # clocks go forward at 02:00 of this day
    ("America/New_York", "2026-03-09", "2026-03-09T04:00"),
    ("America/New_York", "2026-11-01", "2026-11-01T04:00"),  # and back at 02:00 of this one
    ("America/New_York", "2026-11-02", "2026-11-02T05:00"),
    ("Europe/Berlin", "2026-03-29", "2026-03-28T23:00"),
    ("Europe/Berlin", "2026-03-30", "2026-03-29T22:00"),
    ("Europe/Berlin", "2026-10-26", "2026-10-25T23:00"),
    ("Asia/Kolkata", "2026-01-01", "2025-12-31T18:30"),
    ("Asia/Kathmandu", "2026-01-01", "2025-12-31T18:15"),
    ("Pacific/Kiritimati", "2026-01-01", "2025-12-31T10:00"),
    ("Pacific/Honolulu", "2026-01-01", "2026-01-01T10:00"),
    # where clocks jump over midnight the day begins at the jump
    ("America/Sao_Paulo", "2018-11-04", "2018-11-04T03:00"),
    ("Asia/Beirut", "2022-03-27", "2022-03-26T22:00"),
    ("America/Havana", "2026-03-08", "2026-03-08T05:00"),
    # where midnight comes twice the day begins at the first
    ("America/Havana", "2026-11-01", "2026-11-01T04:00"),
    ("America/Sao_Paulo", "2018-02-18", "2018-02-18T03:00"),
    # Samoa went over the date line and had no 30 December 2011: that day begins where the next one does
    ("Pacific/Apia", "2011-12-29", "2011-12-29T10:00"),
    ("Pacific/Apia", "2011-12-30", "2011-12-30T10:00"),
    ("Pacific/Apia", "2011-12-31", "2011-12-30T10:00"),
]


@pytest.mark.parametrize(("zone", "day", "expected"), FIRST_INSTANTS)
def test_r6_a_day_begins_at_its_first_instant(zone: str, day: str, expected: str) -> None:
    found = first_instants(pl.Series([date.fromisoformat(day)]), pl.Series([zone]))
    assert found.to_list() == [instant(expected)]


@pytest.mark.parametrize(("zone", "day", "first"), [row for row in FIRST_INSTANTS if row[:2] != ("Pacific/Apia", "2011-12-30")])
def test_r6_the_first_instant_lies_in_its_day_and_the_one_before_does_not(zone: str, day: str, first: str) -> None:
    at = pl.Series([instant(first)], dtype=pl.Datetime("us"))
    before = at - pl.Series([1], dtype=pl.Duration("us"))
    assert local_dates(at, pl.Series([zone])).item() == date.fromisoformat(day)
    assert local_dates(before, pl.Series([zone])).item() < date.fromisoformat(day)


def test_r6_zones_are_told_apart_row_by_row_and_nulls_stay() -> None:
    days = pl.Series([date(2026, 1, 1), None, date(2026, 1, 1), date(2026, 1, 1)])
    zones = pl.Series(["UTC", "UTC", "Asia/Tokyo", "UTC"])
    assert first_instants(days, zones).to_list() == [
        instant("2026-01-01"),
        None,
        instant("2025-12-31T15:00"),
        instant("2026-01-01"),
    ]
    assert local_dates(pl.Series([None, instant("2025-12-31T15:00")]), pl.Series(["UTC", "Asia/Tokyo"])).to_list() == [
        None,
        date(2026, 1, 1),
    ]


def test_r6_no_rows_are_no_trouble() -> None:
    assert first_instants(pl.Series([], dtype=pl.Date), pl.Series([], dtype=pl.String)).to_list() == []
    assert local_dates(pl.Series([], dtype=pl.Datetime("us")), pl.Series([], dtype=pl.String)).to_list() == []


@pytest.mark.parametrize(
    ("year", "month", "anchor", "expected"),
    [
        (2026, 1, 31, "2026-01-31"),
        (2026, 2, 31, "2026-02-28"),
        (2026, 2, 29, "2026-02-28"),
        (2028, 2, 29, "2028-02-29"),
        (2028, 2, 31, "2028-02-29"),
        (2100, 2, 29, "2100-02-28"),  # no leap year
        (2026, 4, 31, "2026-04-30"),
        (2026, 12, 1, "2026-12-01"),
    ],
)
def test_r17_anchors_clamp_to_the_last_day(year: int, month: int, anchor: int, expected: str) -> None:
    frame = pl.DataFrame(
        {"months": [year * 12 + month - 1], "anchor": [anchor]}, schema={"months": pl.Int32, "anchor": pl.Int32}
    )
    assert frame.select(anchored(pl.col("months"), pl.col("anchor"))).item() == date.fromisoformat(expected)
