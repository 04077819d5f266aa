"""What Salesforce says, read as what the books take: money, days, payment terms (R-72, R-73)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal, InvalidOperation

from pydantic_core import PydanticCustomError

from rating.books.values import (
    Number,
    as_anchor,
    as_code,
    as_date,
    as_group_value,
    as_money,
    as_price,
    as_text,
    canonical_number,
    is_finer_than,
)


class Unreadable(Exception):
    """A value that is not what a term needs; the sentence says why."""


_NET = re.compile(r"(?:net\s*)?(\d{1,4})(?:\s*days?)?", re.IGNORECASE)
_AT_ONCE = re.compile(r"(due\s+)?(up)?on\s+receipt|immediate(ly)?|prepaid", re.IGNORECASE)


def _by_the_books(read: Callable[[object], object], text: str) -> object:
    try:
        return read(text)
    except PydanticCustomError as error:
        context = error.context or {}
        raise Unreadable(f"{context.get('what', error.message())}. {context.get('fix', '')}".strip()) from None


def amount(text: object) -> Decimal | None:
    """The amount of a deal, to show and to sort by; None where it is no number, or none that a mart holds."""
    try:
        found = Decimal(str(text))
    except InvalidOperation:
        return None
    return round(found, 4) if found.is_finite() and abs(found) < 10**15 else None


def price(text: str) -> str:
    return canonical_number(Decimal(str(_by_the_books(as_price, text))))


def money(text: str, digits: int) -> str:
    """An amount of money, no finer than its currency's minor unit."""
    found = Decimal(str(_by_the_books(as_money, text)))
    if found < 0:
        raise Unreadable(f"{text} is negative")
    if is_finer_than(found, digits):
        raise Unreadable(f"{text} is finer than the currency's minor unit")
    return canonical_number(found)


def day(text: str) -> str:
    return str(_by_the_books(as_date, text[:10] if re.match(r"\d{4}-\d{2}-\d{2}T", text) else text))


def net_terms(text: str) -> str:
    if _AT_ONCE.fullmatch(text.strip()):
        return "0"
    found = _NET.fullmatch(text.strip())
    if found is None:
        raise Unreadable(f"{text} is no number of days, such as Net 30")
    return str(int(found[1]))


def months(text: str) -> int:
    if not re.fullmatch(r"[1-9][0-9]{0,2}", text):
        raise Unreadable(f"{text} is no number of months")
    return int(text)


def months_after(start: date, count: int) -> date:
    """The same day so many months later; the last of the month where it has no such day."""
    year, month = divmod(start.year * 12 + start.month - 1 + count, 12)
    for last in (start.day, 30, 29, 28):
        try:
            return date(year, month + 1, last)
        except ValueError:
            continue
    raise AssertionError("every month has 28 days")


def group_value(text: str) -> str:
    return str(_by_the_books(as_group_value, text))


def _same(text: str) -> str:
    return str(_by_the_books(as_text, text))


def anchor(text: str) -> str:
    # a number that nobody quoted is a day of the month
    _by_the_books(lambda given: as_anchor(given if "-" in str(given) else Number(str(given))), text)
    return text


READERS: Mapping[str, Callable[[str], str]] = {
    "plan": lambda text: str(_by_the_books(as_code, text)),
    "start_date": day,
    "end_date": day,
    "net_terms": net_terms,
    "billing_anchor": anchor,
    **dict.fromkeys(("billing", "timezone", "customer_name", "legal_name", "billing_address"), _same),
}
MONEY = ("base_fee", "minimum_spend", "maximum_spend")
