"""Times of every form that is read, many at a time: ISO 8601, and what warehouses and databases write that means but one instant.

What belongs here: which texts are times, and when they are. What does not: the one form that nearly all programs write (`instants`).
"""

from __future__ import annotations

from typing import Final

import duckdb
import polars as pl

from dagster_project.landing.queries import query
from dagster_project.warehouse.database import literal
from rating.calendar import first_instants, instants_of_local

FIRST_INSTANT: Final = pl.datetime(1, 1, 1, time_unit="us")

_MONTH_AND_DAY: Final = (r"(?:0[1-9]|1[0-2])", r"(?:0[1-9]|[12]\d|3[01])")
_ZONE: Final = r"(?: ?(?:Z|z|UTC|[+-](?:[01]\d|2[0-3])(?::?[0-5]\d)?))?"
_BARE_DATE: Final = rf"^\d{{4}}-{_MONTH_AND_DAY[0]}-{_MONTH_AND_DAY[1]}$"
_EXTENDED: Final = (
    rf"^\d{{4}}-{_MONTH_AND_DAY[0]}-{_MONTH_AND_DAY[1]}[Tt ](?:[01]\d|2[0-3]):[0-5]\d(?::[0-5]\d(?:\.\d+)?)?{_ZONE}$"
)
_BASIC: Final = rf"^\d{{4}}{_MONTH_AND_DAY[0]}{_MONTH_AND_DAY[1]}[Tt](?:[01]\d|2[0-3])[0-5]\d(?:[0-5]\d(?:\.\d+)?)?{_ZONE}$"
_SAYS_OFFSET: Final = r"(?:[Zz]|UTC|[Tt ].*[+-]\d{2}(?::?\d{2})?)$"
_EPOCH_DIGITS: Final = {"epoch_s": 6, "epoch_ms": 3, "epoch_us": 0}  # decimals of a number that make microseconds of it
_LAST_INSTANT: Final = pl.datetime(9999, 12, 31, time_unit="us")
_INSTANTS: Final = "select try_cast(text as timestamptz) as instant from rows"


def read_times(connection: duckdb.DuckDBPyConnection, texts: pl.Series, zone: str) -> pl.DataFrame:
    """When texts are, in their order: `instant` (UTC; null: no time), `is_bare_date`.

    A time without an offset is in UTC; a bare date is the first instant of that day in `zone`. Read are ISO 8601, extended or basic,
    with a blank or `t` for `T`, with `Z`, `z`, `UTC` or an offset, also behind a blank. Years run from 1 to 9999.
    """
    said = pl.DataFrame({"text": texts})
    read = said.select(
        is_bare_date=pl.col("text").str.contains(_BARE_DATE).fill_null(value=False),
        text=pl.when(pl.col("text").str.contains(_EXTENDED) | pl.col("text").str.contains(_BASIC)).then(_usual()),
    )
    instants = query(connection, _INSTANTS, read.select("text")).get_column("instant").dt.replace_time_zone(None)
    if read.get_column("is_bare_date").any():
        days = texts.str.to_date("%Y-%m-%d", strict=False)
        firsts = first_instants(days, pl.repeat(zone, len(days), dtype=pl.String, eager=True))
        instants = instants.zip_with(instants.is_not_null(), firsts)
    return read.select("is_bare_date", instant=pl.when(instants >= FIRST_INSTANT).then(instants))


def read_stated_times(
    connection: duckdb.DuckDBPyConnection, texts: pl.Series, form: str, zone: str | None, day_zone: str
) -> pl.Series:
    """When texts of a stated form are, in UTC, in their order; null: no time (R-113).

    form: `iso`, `epoch_s`, `epoch_ms`, `epoch_us`, or a pattern of strptime. zone: of times without an offset (None: UTC); day_zone:
    of bare dates where zone is None. Of an hour that comes twice the first counts; one that is skipped is read by the clock before it.
    """
    if form in _EPOCH_DIGITS:
        return _of_epoch(texts, _EPOCH_DIGITS[form])
    if form == "iso":
        instants = read_times(connection, texts, zone or day_zone).get_column("instant")
        is_local = ~(texts.str.contains(_SAYS_OFFSET) | texts.str.contains(_BARE_DATE)).fill_null(value=True)
        return instants.zip_with(~is_local, instants_of_local(instants, zone)) if zone and is_local.any() else instants
    read = query(
        connection, f"select try_strptime(text, {literal(form)}) as time from rows", pl.DataFrame({"text": texts})
    ).to_series()
    if isinstance(read.dtype, pl.Datetime) and read.dtype.time_zone:
        return read.dt.convert_time_zone("UTC").dt.replace_time_zone(None).cast(pl.Datetime("us"))
    has_hour = any(directive in form for directive in ("%H", "%I", "%c", "%X"))
    return instants_of_local(read.cast(pl.Datetime("us")), zone or ("UTC" if has_hour else day_zone))


def _of_epoch(texts: pl.Series, digits: int) -> pl.Series:
    """Seconds, milliseconds or microseconds since 1970; what is finer than a microsecond is cut off."""
    parts = pl.DataFrame({"text": texts.str.strip_chars()}).select(
        whole=pl.col("text").str.extract(r"^(-?\d+)(?:\.\d+)?$"),
        fraction=pl.col("text").str.extract(r"^-?\d+\.(\d+)$").fill_null(""),
    )
    micros = (pl.col("whole") + pl.col("fraction").str.pad_end(digits, "0").str.slice(0, digits)).cast(pl.Int64, strict=False)
    instants = parts.select(instant=micros.cast(pl.Datetime("us")))
    return instants.select(pl.when(pl.col("instant").is_between(FIRST_INSTANT, _LAST_INSTANT)).then("instant")).to_series()


def _usual() -> pl.Expr:
    """The text as DuckDB reads it: `2026-01-05 10:00:00-0800` of `20260105t100000 -0800`."""
    return (
        pl.col("text")
        .str.replace(r"^(\d{4})(\d\d)(\d\d)[Tt](\d\d)(\d\d)(\d\d)", "${1}-${2}-${3}T${4}:${5}:${6}")
        .str.replace(r"^(\d{4})(\d\d)(\d\d)[Tt](\d\d)(\d\d)", "${1}-${2}-${3}T${4}:${5}")
        .str.replace(r"^(.{10})t", "${1}T")
        .str.replace(r" ?(?:UTC|z)$", "Z")
        .str.replace(r"^(.{10}.*) ([Z+-])", "${1}${2}")
    )
