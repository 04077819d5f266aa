"""Times as people and programs write them, and the instants that they are: one grammar, for events and books alike.

Read are ISO 8601, extended or basic, with a blank or `t` for `T`, with `Z`, `z`, `UTC` or an offset, also behind a blank (what
BigQuery, Snowflake and PostgreSQL write). Years run from 1 to 9999; digits beyond microseconds are cut.

What belongs here: texts to instants. What does not: bare dates, whose first instant a zone decides (`calendar`).
"""

from __future__ import annotations

import functools
import re
from datetime import UTC, datetime
from typing import Final, NamedTuple

import polars as pl

_MONTH, _DAY, _HOUR, _SIXTY = r"(?:0[1-9]|1[0-2])", r"(?:0[1-9]|[12]\d|3[01])", r"(?:[01]\d|2[0-3])", r"[0-5]\d"
_ZONE: Final = rf"(?: ?(?P<zone>Z|z|UTC|[+-]{_HOUR}(?::?{_SIXTY})?))?$"
_EXTENDED: Final = (
    rf"^(?P<day>\d{{4}}-{_MONTH}-{_DAY})[Tt ](?P<hour>{_HOUR}):(?P<minute>{_SIXTY})"
    rf"(?::(?P<second>{_SIXTY})(?:\.(?P<fraction>\d+))?)?{_ZONE}"
)
_BASIC: Final = rf"^\d{{4}}{_MONTH}{_DAY}[Tt]{_HOUR}{_SIXTY}(?:{_SIXTY}(?:\.\d+)?)?{_ZONE}"
# instants are naive UTC
_FIRST: Final = datetime(1, 1, 1)  # noqa: DTZ001
_LAST: Final = datetime(9999, 12, 31, 23, 59, 59, 999_999)  # noqa: DTZ001
_time: Final = re.compile(_EXTENDED, re.ASCII)


def instants_of(texts: pl.Series) -> pl.DataFrame:
    """When texts are, in their order: `instant` (naive UTC; null: no time), `has_zone`; a time without a zone is in UTC."""
    parts = pl.DataFrame({"text": texts}).select(_extended().str.extract_groups(_EXTENDED).alias("parts")).unnest("parts")
    zone = pl.col("zone")
    minutes = zone.str.slice(1, 2).cast(pl.Int64, strict=False) * 60
    minutes += zone.str.slice(3).str.strip_prefix(":").cast(pl.Int64, strict=False).fill_null(0)
    offset = pl.when(zone.str.starts_with("+")).then(minutes).when(zone.str.starts_with("-")).then(-minutes).otherwise(0)
    seconds = pl.col("hour").cast(pl.Int64) * 3_600 + (pl.col("minute").cast(pl.Int64) - offset) * 60
    seconds += pl.col("second").cast(pl.Int64).fill_null(0)
    micros = pl.col("fraction").str.pad_end(6, "0").str.slice(0, 6).cast(pl.Int64).fill_null(0)
    has_year = pl.col("day").str.slice(0, 4) != "0000"
    days = pl.when(has_year).then(pl.col("day").str.to_date("%Y-%m-%d", strict=False)).cast(pl.Datetime("us"))
    found = parts.select(
        instant=days + pl.duration(microseconds=seconds * 1_000_000 + micros, time_unit="us"), has_zone=zone.is_not_null()
    )
    return found.with_columns(instant=pl.when(pl.col("instant").is_between(_FIRST, _LAST)).then("instant"))


def _extended() -> pl.Expr:
    """`2026-01-05T10:00:00-0800` of `20260105T100000-0800`; anything else as it is."""
    text = pl.col("text")
    whole = text.str.replace(r"^(\d{4})(\d\d)(\d\d).(\d\d)(\d\d)(\d\d)", "${1}-${2}-${3}T${4}:${5}:${6}")
    whole = whole.str.replace(r"^(\d{4})(\d\d)(\d\d).(\d\d)(\d\d)", "${1}-${2}-${3}T${4}:${5}")
    return pl.when(text.str.contains(_BASIC)).then(whole).otherwise(text)


class Time(NamedTuple):
    """One time in extended form. instant: naive UTC; None where there is none such. local: its text without the zone. decimals: of
    its second."""

    instant: datetime | None
    has_zone: bool
    local: str
    decimals: int


@functools.lru_cache(maxsize=10_000)  # what is agreed in a month begins and ends on few days
def time_of(text: str) -> Time | None:
    """What one text says, the same as `instants_of` says of many; None where it is no time in extended form."""
    if not (found := _time.match(text)):
        return None
    day, hour, minute, second, fraction, zone = (part or "" for part in found.groups())
    offset = f"{zone[:3]}:{zone[3:].strip(':') or '00'}" if zone[:1] in ("+", "-") else "+00:00"
    local = text[: len(text) - len(zone)].rstrip()
    try:
        instant = datetime.fromisoformat(f"{day}T{hour}:{minute}:{second or '00'}.{fraction[:6]:0<6}{offset}").astimezone(UTC)
    except (ValueError, OverflowError):
        return Time(None, bool(zone), local, len(fraction))
    return Time(instant.replace(tzinfo=None), bool(zone), local, len(fraction))
