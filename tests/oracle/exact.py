"""Exact numbers: everything the oracle computes is a `Fraction`, made from decimal text and rounded only where R-2 and R-3 say so."""

from __future__ import annotations

import re
from decimal import Decimal
from fractions import Fraction

QUANTITY_DIGITS = 9
EXACT_AMOUNT_DIGITS = 12
QUANTITY_LIMIT = Fraction(10**15)
NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")


def exact(number: object) -> Fraction:
    """A number of the books or of an event, by its decimal text (R-1)."""
    assert not isinstance(number, float | bool), f"{number!r} has lost digits already"
    return Fraction(str(number))


def half_away(value: Fraction, digits: int) -> Fraction:
    """The value rounded to so many decimals, halves away from zero (R-3)."""
    units = (abs(value) * 10**digits + Fraction(1, 2)).__floor__()
    return Fraction(units if value >= 0 else -units, 10**digits)


def decimal_of(value: Fraction, digits: int) -> Decimal:
    """The same number as a `Decimal` with so many decimals; it must need no rounding."""
    units = value * 10**digits
    assert units.denominator == 1, f"{value} does not fit into {digits} decimals"
    return Decimal(units.numerator).scaleb(-digits) if abs(units) < 10**28 else Decimal(f"{units.numerator}e-{digits}")


def canonical_text(value: object) -> str | None:
    """How a property compares (R-15): strings by content, true/false, numbers by value; None is missing."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    plain = format(Decimal(str(value)), "f")
    if "." in plain:
        plain = plain.rstrip("0").rstrip(".")
    return "0" if plain in ("-0", "") else plain


def number_of(text: str | None) -> Fraction | None:
    """The number that a text is written as, whatever its size; None where it is none."""
    return Fraction(text) if text is not None and NUMBER.fullmatch(text) else None


def quantity_of(value: object) -> Fraction | None:
    """The quantity an event carries, to 9 decimals (R-2), or None where it is no such number."""
    text = canonical_text(value)
    if text is None or isinstance(value, bool) or not NUMBER.fullmatch(text):
        return None
    number = Fraction(Decimal(text))
    return half_away(number, QUANTITY_DIGITS) if abs(number) < QUANTITY_LIMIT else None
