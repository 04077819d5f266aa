"""When events happened: times of every form that is read, many at a time.

Nearly all programs write one form, which Arrow reads at once; `rating.instants` reads all others.

What belongs here: times of events, bare dates among them, and forms that only a source of the books names. What does not: what an
event's time has to be (`validation`).
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

import duckdb
import polars as pl
import pyarrow as pa

from dagster_project.landing.queries import query
from dagster_project.warehouse.database import literal
from rating.calendar import first_instants, instants_of_local
from rating.instants import instants_of

FIRST_INSTANT: Final = datetime(1, 1, 1)  # noqa: DTZ001 - instants are naive UTC

_BARE_DATE: Final = r"^\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])$"
_IS_COMMON: Final = pl.first().str.contains(r"^\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d{1,6})?Z$")
_EPOCH_DIGITS: Final = {"epoch_s": 6, "epoch_ms": 3, "epoch_us": 0}  # decimals of a number that make microseconds of it
_NO_BARE_DATE: Final = pl.Series("is_bare_date", [False])
_ZONED: Final = pl.Series("has_zone", [True])
_LAST_INSTANT: Final = pl.datetime(9999, 12, 31, time_unit="us")


def read_times(texts: pl.Series, zone: str) -> pl.DataFrame:
    """When texts are, in their order: `instant` (UTC; null: no time), `is_bare_date`, `has_zone`.

    A time without an offset is in UTC; a bare date is the first instant of that day in `zone`.
    """
    if (common := _common_times(texts)) is not None:
        return common
    read = instants_of(texts).with_columns(is_bare_date=texts.str.contains(_BARE_DATE).fill_null(value=False))
    dates = texts.filter(read.get_column("is_bare_date"))
    if dates.is_empty():
        return read
    days = dates.str.to_date("%Y-%m-%d", strict=False)
    firsts = first_instants(days, pl.repeat(zone, len(days), dtype=pl.String, eager=True))
    firsts = firsts.set(firsts < FIRST_INSTANT, None)
    return read.with_columns(read.get_column("instant").scatter(read.get_column("is_bare_date").arg_true(), firsts))


def _common_times(texts: pl.Series) -> pl.DataFrame | None:
    """What `read_times` says of texts that are all null or of the most common form; None where one is not, or is no time."""
    if not texts.to_frame().select_seq(_IS_COMMON).to_series().all():
        return None
    try:
        zoned = texts.to_arrow(compat_level=pl.CompatLevel.oldest()).cast(pa.timestamp("us", "UTC"))
    except pa.ArrowInvalid:
        return None
    instants = pl.Series("instant", zoned.cast(pa.timestamp("us")), dtype=pl.Datetime("us"))
    if (instants < FIRST_INSTANT).any():
        return None
    return pl.DataFrame([instants, _NO_BARE_DATE.new_from_index(0, len(texts)), _ZONED.new_from_index(0, len(texts))])


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
        read = read_times(texts, zone or day_zone)
        instants, is_local = read.get_column("instant"), ~(read.get_column("has_zone") | read.get_column("is_bare_date"))
        return instants.zip_with(~is_local, instants_of_local(instants, zone)) if zone and is_local.any() else instants
    stated = query(
        connection, f"select try_strptime(text, {literal(form)}) as time from rows", pl.DataFrame({"text": texts})
    ).to_series()
    if isinstance(stated.dtype, pl.Datetime) and stated.dtype.time_zone:
        return stated.dt.convert_time_zone("UTC").dt.replace_time_zone(None).cast(pl.Datetime("us"))
    has_hour = any(directive in form for directive in ("%H", "%I", "%c", "%X"))
    return instants_of_local(stated.cast(pl.Datetime("us")), zone or ("UTC" if has_hour else day_zone))


def _of_epoch(texts: pl.Series, digits: int) -> pl.Series:
    """Seconds, milliseconds or microseconds since 1970; what is finer than a microsecond is cut off."""
    parts = pl.DataFrame({"text": texts.str.strip_chars()}).select(
        whole=pl.col("text").str.extract(r"^(-?\d+)(?:\.\d+)?$"),
        fraction=pl.col("text").str.extract(r"^-?\d+\.(\d+)$").fill_null(""),
    )
    micros = (pl.col("whole") + pl.col("fraction").str.pad_end(digits, "0").str.slice(0, digits)).cast(pl.Int64, strict=False)
    instants = parts.select(instant=micros.cast(pl.Datetime("us")))
    return instants.select(pl.when(pl.col("instant").is_between(FIRST_INSTANT, _LAST_INSTANT)).then("instant")).to_series()
