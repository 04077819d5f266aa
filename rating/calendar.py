"""Local days and instants: the one place that knows time zones.

Works zone by zone over whole columns (there are a few dozen zones, whatever the number of contracts); single instants are asked for
by documents and doors.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import polars as pl

ONE_MICROSECOND = pl.duration(microseconds=1)


def first_instants(dates: pl.Series, zones: pl.Series) -> pl.Series:
    """The first instant of each local day, in UTC (R-6, R-17). Null dates stay null.

    Where clocks jump over midnight the day begins at the jump; where midnight comes twice, at the first. A day that a zone
    skipped altogether begins where the next one does.
    """
    midnight = pl.col("value").cast(pl.Datetime("us"))

    def instants(zone: str) -> pl.Expr:
        exact = _to_utc(midnight.dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null"))
        eve = (midnight - ONE_MICROSECOND).dt.replace_time_zone(zone, ambiguous="latest", non_existent="null")
        return pl.coalesce(exact, _to_utc(eve) + ONE_MICROSECOND)

    return _zone_by_zone(dates, zones, pl.Datetime("us"), instants)


def instants_of_local(times: pl.Series, zone: str) -> pl.Series:
    """When the clocks of a zone show these times, in UTC. Null times stay null.

    Of a time that comes twice the first counts; a time that clocks skip is read by the offset before the jump.
    """
    before = pl.duration(hours=3)  # farther than any clock jumps
    local = pl.col("value").dt
    exact = _to_utc(local.replace_time_zone(zone, ambiguous="earliest", non_existent="null"))
    by_offset_before = (
        _to_utc((pl.col("value") - before).dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null")) + before
    )
    return pl.DataFrame({"value": times.cast(pl.Datetime("us"))}).select(pl.coalesce(exact, by_offset_before)).to_series()


def local_dates(instants: pl.Series, zones: pl.Series) -> pl.Series:
    """The local calendar date of each UTC instant. Null instants stay null."""
    return _zone_by_zone(
        instants,
        zones,
        pl.Date(),
        lambda zone: pl.col("value").dt.replace_time_zone("UTC").dt.convert_time_zone(zone).dt.date(),
    )


def local_date(instant: datetime, zone: ZoneInfo) -> date:
    """The local calendar date of one UTC instant (naive)."""
    return instant.replace(tzinfo=UTC).astimezone(zone).date()


def naive_utc(named: datetime) -> datetime:
    """The instant as everything here has it: UTC without saying so; one that names no offset means UTC."""
    return named.astimezone(UTC).replace(tzinfo=None) if named.tzinfo else named


def anchored(months: pl.Expr, anchor: pl.Expr) -> pl.Expr:
    """The anchor day of a month, given as months since year 0; anchors past the month's end clamp to its last day (R-17)."""
    first = pl.date(months // 12, months % 12 + 1, 1)
    last_day = first.dt.month_end().dt.day()
    return first + pl.duration(days=pl.min_horizontal(anchor, last_day) - 1)


def _to_utc(instants: pl.Expr) -> pl.Expr:
    return instants.dt.convert_time_zone("UTC").dt.replace_time_zone(None)


def _zone_by_zone(values: pl.Series, zones: pl.Series, dtype: pl.DataType, expression: Callable[[str], pl.Expr]) -> pl.Series:
    frame = pl.DataFrame({"value": values, "zone": zones})
    distinct = frame.select(pl.struct("value", "zone").unique().struct.unnest())
    parts = [
        part.with_columns(expression(str(zone)).cast(dtype).alias("result"))
        for (zone,), part in distinct.filter(pl.col("zone").is_not_null()).partition_by("zone", as_dict=True).items()
    ]
    if not parts:
        return pl.Series(values.name, [None] * frame.height, dtype=dtype)
    return (
        frame.join(pl.concat(parts), on=["value", "zone"], how="left", maintain_order="left", nulls_equal=True)
        .get_column("result")
        .alias(values.name)
    )
