"""Exact arithmetic on whole columns: one rounding, half away from zero; nothing wraps (R-2, R-3)."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction

import polars as pl
import pytest

from rating.arithmetic import exact
from rating.arithmetic.exact import INT, AmountOverflow


def integers(**columns: list[int]) -> pl.DataFrame:
    return pl.DataFrame({name: pl.Series(name, values, dtype=INT) for name, values in columns.items()})


# (value in 1e-12 of the currency, decimals of the minor unit, the nearest minor unit)
ROUNDINGS = [
    (5_000_000_000, 2, 1),  # 0.005: half goes away from zero
    (-5_000_000_000, 2, -1),
    (4_999_999_999, 2, 0),
    (-4_999_999_999, 2, 0),
    (15_000_000_000, 2, 2),  # 0.015 and 0.025: not half to even
    (25_000_000_000, 2, 3),
    (-25_000_000_000, 2, -3),
    (500_000_000_000, 0, 1),  # half a yen
    (-500_000_000_000, 0, -1),
    (499_999_999_999, 0, 0),
    (500_000_000, 3, 1),  # half a fils
    (-500_000_000, 3, -1),
    (0, 2, 0),
    (10**27 - 5_000_000_000, 2, 10**17),  # 1e15 less half a cent
    (-(10**27) + 1, 2, -(10**17)),
]


@pytest.mark.parametrize(("value", "digits", "nearest"), ROUNDINGS)
def test_r3_half_goes_away_from_zero(value: int, digits: int, nearest: int) -> None:
    frame = integers(amount_e12=[value], remainder=[0]).with_columns(digits=pl.lit(digits, dtype=pl.Int32))
    assert frame.select(exact.rounded("amount_e12", "remainder", "digits")).item() == nearest


# values that lie beside a half by less than 1e-12: whole and rest over a divisor
BESIDE_A_HALF = [
    (5_000_000_000, 0, 3, 1),
    (4_999_999_999, 2, 3, 0),
    (5_000_000_000, 1, 3, 1),
    (-5_000_000_000, 0, 3, -1),
    (-5_000_000_000, 1, 3, 0),  # -0.005 + 1/3e-12 is nearer to zero
    (-5_000_000_001, 2, 3, -1),  # -0.005 - 1/3e-12
    (-1, 2, 3, 0),
]


@pytest.mark.parametrize(("whole", "rest", "divisor", "nearest"), BESIDE_A_HALF)
def test_r3_what_is_finer_than_the_twelfth_decimal_decides_a_half(whole: int, rest: int, divisor: int, nearest: int) -> None:
    frame = integers(amount_e12=[whole], remainder=[rest]).with_columns(digits=pl.lit(2, dtype=pl.Int32))
    assert frame.select(exact.rounded("amount_e12", "remainder", "digits")).item() == nearest
    cents = Fraction(whole * divisor + rest, divisor) / 10**10
    assert abs(cents - nearest) <= Fraction(1, 2), "the example itself"


def test_r3_a_carried_value_is_the_same_value_with_a_rest_below_the_divisor() -> None:
    frame = integers(amount_e12=[1, 0, 0, -2, 5], remainder=[7, -1, -7, 3, 0], divisor=[3, 3, 3, 3, 3])
    whole, rest = exact.normalize("amount_e12", "remainder", "divisor")
    carried = frame.select(whole.alias("amount_e12"), rest.alias("remainder"))
    assert carried.rows() == [(3, 1), (-1, 2), (-3, 2), (-1, 0), (5, 0)]


# (rest over 3 beside whole, and the nearest whole)
@pytest.mark.parametrize(
    ("whole", "rest", "divisor", "nearest"), [(0, 1, 3, 0), (0, 2, 3, 1), (0, 1, 2, 1), (-1, 1, 2, -1), (-1, 2, 3, 0)]
)
def test_r3_the_exact_amount_is_shown_to_twelve_decimals(whole: int, rest: int, divisor: int, nearest: int) -> None:
    frame = integers(amount_e12=[whole], remainder=[rest], divisor=[divisor])
    assert frame.select(exact.round_to_12_places("amount_e12", "remainder", "divisor")).item() == nearest


def test_r2_a_product_that_fits_to_the_last_digit_is_made() -> None:
    frame = integers(left=[10**19, -(10**19)], right=[9 * 10**18, 9 * 10**18])
    assert exact.multiply(frame, "left", "right", "product", ["left"])["product"].to_list() == [9 * 10**37, -9 * 10**37]


def test_r2_a_product_without_room_stops_and_names_its_row() -> None:
    frame = integers(left=[1, 10**20], right=[1, 10**19]).with_columns(contract_id=pl.Series(["small", "large"]))
    with pytest.raises(AmountOverflow, match="contract_id large"):
        exact.multiply(frame, "left", "right", "product", ["contract_id"])


def test_r2_large_factors_in_different_rows_are_no_harm() -> None:
    frame = integers(left=[10**30, 1], right=[1, 10**30])
    assert exact.multiply(frame, "left", "right", "product", ["left"])["product"].to_list() == [10**30, 10**30]


@pytest.mark.parametrize("sign", [1, -1])
def test_r2_a_sum_that_could_wrap_stops_and_names_its_row(sign: int) -> None:
    frame = integers(amount=[1, sign * 6 * 10**37]).with_columns(contract_id=pl.Series(["small", "large"]))
    with pytest.raises(AmountOverflow, match="contract_id large"):
        exact.prove_sums(frame, ["amount"], ["contract_id"])


def test_r2_sums_that_fit_pass_unchanged() -> None:
    frame = integers(amount=[4 * 10**37, 4 * 10**37])
    assert exact.prove_sums(frame, ["amount"], ["amount"]) is frame
    assert exact.prove_sums(frame.clear(), ["amount"], ["amount"]).height == 0


@pytest.mark.parametrize("cents", [10**17, -(10**17), 10**20])
def test_r2_a_line_of_1e15_stops(cents: int) -> None:
    frame = integers(cents=[cents]).with_columns(contract_id=pl.lit("acme"), minor_digits=2)
    with pytest.raises(AmountOverflow, match=r"contract_id acme.*1e15"):
        exact.refuse_large_lines(frame, "cents", ["contract_id"])


def test_r2_a_line_just_below_1e15_passes() -> None:
    frame = integers(cents=[10**17 - 1, 1 - 10**17]).with_columns(minor_digits=2)
    assert exact.refuse_large_lines(frame, "cents", ["cents"]) is frame


def test_decimals_keep_their_digits_as_integers_and_back() -> None:
    value = Decimal("-99999999999999.123456789012")
    frame = pl.DataFrame({"price": [value]}, schema={"price": pl.Decimal(38, 12)})
    assert frame.select(exact.as_int128("price")).item() == -99999999999999123456789012
    back = frame.select(amount_e12=exact.as_int128("price")).select(exact.decimal("amount_e12", pl.Decimal(38, 12)))
    assert back.item() == value


@pytest.mark.parametrize("digits", [0, 2, 3, 4])
def test_r3_rounding_agrees_with_python_decimals(digits: int) -> None:
    """ROUND_HALF_UP of decimal is half away from zero."""
    values = [n * 125_000_000 for n in range(-9000, 9000, 37)]
    frame = integers(amount_e12=values, remainder=[0] * len(values)).with_columns(digits=pl.lit(digits, dtype=pl.Int32))
    found = frame.select(exact.rounded("amount_e12", "remainder", "digits")).to_series().to_list()
    minor = Decimal(1).scaleb(-digits)
    assert found == [int(Decimal(n).scaleb(-12).quantize(minor, ROUND_HALF_UP).scaleb(digits)) for n in values]
