"""How money and quantities are written for people."""

from __future__ import annotations

from decimal import Decimal


def money(amount: Decimal, digits: int = 2) -> str:
    """An amount with thousands separators and at least so many decimals (of its currency); a finer minor unit is kept."""
    text = f"{amount:,f}"
    whole, _, decimals = text.partition(".")
    kept = decimals.rstrip("0").ljust(digits, "0")
    return f"{whole}.{kept}" if kept else whole


def number(value: Decimal | int) -> str:
    """A quantity or count with thousands separators and no trailing zeros."""
    text = f"{value:,f}" if isinstance(value, Decimal) else f"{value:,}"
    return text.rstrip("0").rstrip(".") if "." in text else text
