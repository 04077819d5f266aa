"""One grammar of times: many texts at once and one text alone are the same instants."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from rating.instants import instants_of, time_of

DAYS = st.sampled_from(
    ["2026-01-05", "2026-02-29", "2024-02-29", "0001-01-01", "0000-12-31", "9999-12-31", "2026-13-01", "2026-01-32"]
)
CLOCKS = st.sampled_from(["10:00", "10:00:00", "24:00", "23:59:60", "23:59:59.1", "00:00:00.123456789", "10", "10:60", ""])
ZONES = st.sampled_from(
    ["", "Z", "z", "UTC", " UTC", "+01", "+0130", " -01:30", "+14:00", "-23:59", "+25:00", "+01:60", "CET", "  Z"]
)
TEXTS = st.tuples(DAYS, st.sampled_from("Tt _"), CLOCKS, ZONES).map("".join)


@settings(deadline=None)
@given(st.lists(TEXTS, min_size=1, max_size=50))
def test_one_text_alone_is_what_it_is_among_many(texts: list[str]) -> None:
    together = instants_of(pl.Series(texts)).rows()
    alone = [(time.instant, time.has_zone) if (time := time_of(text)) else (None, False) for text in texts]
    assert [instant for instant, _ in together] == [instant for instant, _ in alone]
    assert [has_zone for _, has_zone in together] == [has_zone for _, has_zone in alone]


@settings(deadline=None)
@given(
    st.datetimes(min_value=datetime(1, 1, 2), max_value=datetime(9999, 12, 30)),  # noqa: DTZ001
    st.integers(-14 * 60, 14 * 60),
    st.booleans(),
)
def test_an_instant_is_read_as_it_is_written(instant: datetime, offset: int, is_basic: bool) -> None:
    text = instant.replace(tzinfo=UTC).astimezone(timezone(timedelta(minutes=offset))).isoformat(timespec="microseconds")
    day, _, clock = text.partition("T")
    written = f"{day.replace('-', '')}T{clock.replace(':', '')}" if is_basic else text
    assert instants_of(pl.Series([written])).row(0) == (instant, True)
