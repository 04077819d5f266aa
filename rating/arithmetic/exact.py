"""Exact arithmetic on whole columns: scaled Int128, proven bounds, one rounding.

Int128 wraps silently in Polars and so does a grouped sum, so every product and sum here is proven to fit before it is made;
where it would not fit, the run stops with the row that made it (R-2).

Money on its way to a line is two integers, `amount_e12` (in 1e-12 of the currency) and `remainder` (a numerator, in 1e-12, over the
line's `divisor`). So a rate per 1,000 units, or a fee for 13 of 31 days, stays exact until the line is rounded once (R-3).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

import polars as pl

from rating.tables import MONEY_SCALE, PRICE_SCALE

INT = pl.Int128()
LIMIT = 10**38 - 1  # what a Decimal(38, s) holds; Int128 itself goes to 1.7e38


class AmountOverflow(Exception):
    """A number is too large to be kept exactly, or a line reaches 1e15 (R-2). The message names the first row.

    by_contract: a sentence for each contract with such a row, naming its first.
    """

    def __init__(self, by_contract: Mapping[str, str]) -> None:
        self.by_contract = dict(by_contract)
        super().__init__(next(iter(by_contract.values())))

    def __reduce__(self) -> tuple[type[AmountOverflow], tuple[dict[str, str]]]:
        return type(self), (self.by_contract,)


def int128(value: int) -> pl.Expr:
    return pl.lit(value, dtype=INT)


def as_int128(column: str) -> pl.Expr:
    """A Decimal column as its scaled integer."""
    return pl.col(column).reinterpret(dtype=INT)


def decimal(column: str | pl.Expr, dtype: pl.DataType) -> pl.Expr:
    """A scaled integer column as the Decimal it stands for."""
    return (pl.col(column) if isinstance(column, str) else column).reinterpret(dtype=dtype)


def multiply(frame: pl.DataFrame, left: str, right: str, into: str, row: Sequence[str]) -> pl.DataFrame:
    """`into = left * right`, or `AmountOverflow` naming the first row (by the columns `row`) whose product has no room."""
    if _largest(frame, left) * _largest(frame, right) > LIMIT:
        roomy = (pl.col(right) == 0) | (pl.col(left).abs() <= int128(LIMIT) // pl.col(right).abs())
        _refuse(frame.filter(~roomy), row, f"{left} × {right} is too large to be kept exactly")
    return frame.with_columns((pl.col(left) * pl.col(right)).alias(into))


def scale_remainder(frame: pl.DataFrame, broken: str, unit: str, divisor: str, row: Sequence[str]) -> pl.DataFrame:
    """`remainder`, the numerator of broken × unit over the divisor, and what of it is `amount_e12`; broken < divisor.

    Where the product has no room, the unit is taken in two halves, the upper one divided before the lower one is added.
    """
    if _largest(frame, broken) * _largest(frame, unit) <= LIMIT:
        return frame.with_columns(remainder=pl.col(broken) * pl.col(unit), remainder_e12=int128(0))
    half = int128(10**PRICE_SCALE)
    halves = frame.with_columns(upper_half=pl.col(unit) // half, lower_half=pl.col(unit) % half)
    upper = multiply(halves, broken, "upper_half", "upper_product", row)
    upper = upper.with_columns(
        whole_uppers=pl.col("upper_product") // pl.col(divisor), rest_uppers=pl.col("upper_product") % pl.col(divisor)
    )
    shifted = multiply(upper.with_columns(half=half), "rest_uppers", "half", "rest_shifted", row)
    lower = multiply(shifted, broken, "lower_half", "lower_product", row)
    return lower.with_columns(
        remainder=pl.col("rest_shifted") + pl.col("lower_product"), remainder_e12=pl.col("whole_uppers") * half
    ).drop("upper_half", "lower_half", "upper_product", "whole_uppers", "rest_uppers", "half", "rest_shifted", "lower_product")


def prove_sums(frame: pl.DataFrame, columns: Sequence[str], row: Sequence[str]) -> pl.DataFrame:
    """The frame itself, once it is certain that no sum over any of its rows can wrap; else `AmountOverflow`."""
    for column in columns:
        if _largest(frame, column) * max(frame.height, 1) > LIMIT:
            # 1e38 / 1e6 rows still leaves room for every amount that R-2 allows, so this names a real outlier
            share = LIMIT // max(frame.height, 1)
            _refuse(frame.filter(pl.col(column).abs() > int128(share)), row, f"{column} is too large to be summed exactly")
    return frame


def refuse_large_lines(frame: pl.DataFrame, amount_units: str, row: Sequence[str]) -> pl.DataFrame:
    """The frame itself, or `AmountOverflow` naming the line whose rounded amount, in minor units, reaches 1e15 (R-2)."""
    limit = int128(10 ** (15 + PRICE_SCALE)) // per_minor(PRICE_SCALE)
    _refuse(frame.filter(pl.col(amount_units).abs() >= limit), row, "the line's amount reaches 1e15")
    return frame


def halves_away(value: str, divisor: str) -> pl.Expr:
    """The nearest whole number to value / divisor (> 0), halves away from zero."""
    nearest = (pl.col(value).abs() * 2 + pl.col(divisor)) // (pl.col(divisor) * 2)
    return pl.when(pl.col(value) < 0).then(int128(0) - nearest).otherwise(nearest)


def normalize(whole: str, rest: str, divisor: str) -> tuple[pl.Expr, pl.Expr]:
    """(whole, rest) with 0 <= rest < divisor, the same value."""
    return pl.col(whole) + pl.col(rest) // pl.col(divisor), pl.col(rest) % pl.col(divisor)


def money_per_minor() -> pl.Expr:
    """Units of MONEY's scale in one minor unit of the row's currency (`minor_digits`)."""
    return per_minor(MONEY_SCALE)


def per_minor(scale: int, digits: str = "minor_digits") -> pl.Expr:
    """Units of a scale in one minor unit of the row's currency, which has so many decimals."""
    return pl.col(digits).replace_strict({n: 10 ** (scale - n) for n in range(scale + 1)}, return_dtype=INT)


def rounded(whole: str, rest: str, digits: str) -> pl.Expr:
    """A carried value (0 <= rest, in 1e-12) rounded half away from zero to `digits` decimals, as an integer of that scale (R-3).

    The rest is less than one unit of `amount_e12` and half a unit of the result is a whole number of them, so the rest decides
    nothing above zero; below zero it takes the magnitude down by less than one, which is why one is taken off first.
    """
    unit = per_minor(PRICE_SCALE, digits)
    is_negative = pl.col(whole) < 0
    magnitude = pl.when(is_negative).then(int128(0) - pl.col(whole) - (pl.col(rest) != 0).cast(INT)).otherwise(pl.col(whole))
    nearest_units = (magnitude * 2 + unit) // (unit * 2)
    return pl.when(is_negative).then(int128(0) - nearest_units).otherwise(nearest_units)


def round_to_12_places(whole: str, rest: str, divisor: str) -> pl.Expr:
    """A carried value rounded half away from zero to 12 decimals: the exact amount a line shows."""
    up = pl.when(pl.col(whole) < 0).then(pl.col(rest) * 2 > pl.col(divisor)).otherwise(pl.col(rest) * 2 >= pl.col(divisor))
    return pl.col(whole) + up.cast(INT)


def _largest(frame: pl.DataFrame, column: str) -> int:
    return highest(frame.get_column(column).abs())


def highest(values: pl.Series) -> int:
    """The largest of some integers; 0 where there are none."""
    return int(cast("int | None", values.max()) or 0)


def _refuse(rows: pl.DataFrame, row: Sequence[str], reason: str) -> None:
    """Raise `AmountOverflow` for these rows, if there are any; `row` are the columns that name one, contract_id among them."""
    if rows.is_empty():
        return
    found: dict[str, str] = {}
    for values in rows.select(row).unique("contract_id", keep="first", maintain_order=True).iter_rows(named=True):
        named = ", ".join(f"{name} {value}" for name, value in values.items())
        found[values["contract_id"]] = f"{named}: {reason}. Check the event quantities and the price of this row."
    raise AmountOverflow(found)
