"""Single values of the books: how a cell or a scalar becomes text, a decimal, a date or an instant.

What belongs here: one value at a time, exact to the last digit (R-1). What does not: any rule between two values.
Every function takes what the readers hand over (text, `Number`, bool, None, or a date from Parquet) and raises a
`PydanticCustomError` that carries what is wrong and the fix.
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Context, Decimal
from typing import Annotated, Any, NamedTuple

from pydantic import PlainValidator
from pydantic_core import PydanticCustomError

from rating.instants import time_of
from rating.tables import PRICE_SCALE, QUANTITY_SCALE

# wide enough for any product of two numbers of the books; the default context would round at 28 digits
EXACT = Context(prec=100)

PRICE_LIMIT = Decimal(10) ** 9
QUANTITY_LIMIT = Decimal(10) ** 15
# a start in the year 202 is a slip of the pen, and would make twenty thousand billing periods
FIRST_DATE = date(1970, 1, 1)

_PLAIN_DECIMAL = re.compile(r"[+-]?(?:(?:0|[1-9][0-9]*)(?:\.[0-9]*)?|\.[0-9]+)")
_WHOLE = re.compile(r"[+-]?(?:0|[1-9][0-9]*)")
_MONTH_AND_DAY = re.compile(r"([0-9]{2})-([0-9]{2})")
_CLOCK = re.compile(r"(?:[01][0-9]|2[0-3]):[0-5][0-9]|24:00")
_INTERVAL = re.compile(r"(\d{1,5})([smh])")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_BEGINS_AS_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]")
MICROSECOND_DECIMALS = 6  # finer times would be cut


@dataclass(frozen=True, slots=True)
class Number:
    """An unquoted number, by its text: no digit of it has been through a float."""

    text: str

    def __str__(self) -> str:
        return self.text


def value_error(what: str, fix: str) -> PydanticCustomError:
    """What pydantic carries to the place it knows and we do not; `shapes` turns it into a `Problem`."""
    return PydanticCustomError("books", "wrong", {"what": what, "fix": fix})


def shown(value: object) -> str:
    """A value as a sentence names it."""
    if value is None:
        return "an empty value"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    text = str(value)
    return f"`{text[:60]}…`" if len(text) > 60 else f"`{text}`"


def as_text(value: Any) -> str:
    """Text with something in it; an unquoted number or boolean is refused, because its spelling may not survive."""
    if isinstance(value, str):
        if not value.strip():
            raise value_error("is empty", "Write a text")
        return value
    if isinstance(value, Number | bool):
        raise value_error(f"{shown(value)} is no text", f'Quote it: "{shown(value).strip("`")}"')
    raise value_error(f"expected text, found {shown(value)}", "Write a text")


def as_code(value: Any) -> str:
    """A code or id: text without blanks around it."""
    text = as_text(value)
    if text != text.strip():
        raise value_error(f"{shown(text)} has blanks around it", f"Write `{text.strip()}`")
    return text


def as_decimal(value: Any) -> Decimal:
    """A number by its decimal text, quoted or not (R-1)."""
    if not isinstance(value, str | Number):
        raise value_error(f"expected a number, found {shown(value)}", 'Write a decimal number such as "4.00"')
    text = str(value).strip()
    if not _PLAIN_DECIMAL.fullmatch(text):
        raise value_error(f"{shown(value)} is no plain decimal number", _plain_mend(text))
    return Decimal(text)


def _plain_mend(text: str) -> str:
    """How to write what looks like a number but could be read in two ways."""
    if re.fullmatch(r"[+-]?[0-9.]+[eE][+-]?[0-9]{1,2}", text):
        try:
            return f'Write all its digits: "{Decimal(text):f}"'
        except ArithmeticError:
            pass
    if read := _without_separators(text):
        written = " or ".join(f'"{one}"' for one in read)
        whichever = ", whichever it is" if len(read) > 1 else ""
        return f"Write it with a point, and without separators or leading zeros: {written}{whichever}"
    return 'Write a plain decimal number such as "4.00" (digits and one point, no exponent, no other base, no currency sign)'


def _without_separators(text: str) -> list[str]:
    """The numbers that a text with separators can stand for, and no other: 0,50 is 0.50; 1,250 is 1250 or 1.250."""
    sign, digits = (text[0].removeprefix("+"), text[1:]) if text.startswith(("+", "-")) else ("", text)
    found: list[str] = []
    if re.fullmatch(r"[0-9]{1,3}([_ '\u00a0\u202f][0-9]{3})+([.,][0-9]+)?", digits):
        found = [re.sub(r"[_ '\u00a0\u202f]", "", digits).replace(",", ".")]
    elif re.fullmatch(r"[0-9]{1,3}(\.[0-9]{3})+,[0-9]+", digits):
        found = [digits.replace(".", "").replace(",", ".")]
    elif re.fullmatch(r"[0-9]{1,3}(,[0-9]{3})+\.[0-9]*|[0-9]{1,3}(,[0-9]{3}){2,}", digits):
        found = [digits.replace(",", "")]
    elif re.fullmatch(r"[1-9][0-9]{0,2},[0-9]{3}", digits):
        found = [digits.replace(",", ""), digits.replace(",", ".")]
    elif re.fullmatch(r"[0-9]+,[0-9]+", digits):
        found = [digits.replace(",", ".")]
    elif re.fullmatch(r"[0-9]+\.?[0-9]*", digits):
        found = [digits]
    return [sign + (re.sub(r"^0+(?=[0-9])", "", one).rstrip(".") or "0") for one in found]


def is_finer_than(number: Decimal, digits: int) -> bool:
    """Whether a number has more decimals than `digits`, trailing zeros apart."""
    return len(f"{number:f}".partition(".")[2].rstrip("0")) > digits


def _bounded(value: Any, noun: str, scale: int, limit: Decimal) -> Decimal:
    number = as_decimal(value)
    if number.copy_abs() >= limit:
        raise value_error(f"{shown(value)} is too large for a {noun}", f"Write a number under {limit:f}")
    if is_finer_than(number, scale):
        raise value_error(
            f"{shown(value)} has more than {scale} decimals", f"A {noun} keeps {scale} decimals; write it with {scale} or fewer"
        )
    return number


def _not_negative(number: Decimal) -> Decimal:
    if number < 0:
        raise value_error(f"`{number:f}` is negative", "Write 0 or more")
    return number


def _positive(number: Decimal) -> Decimal:
    if number <= 0:
        raise value_error(f"`{number:f}` is not above 0", "Write a number above 0")
    return number


def as_price(value: Any) -> Decimal:
    """A price of 0 or more: at most 12 decimals, under 1e9 (R-2)."""
    return _not_negative(_bounded(value, "price", PRICE_SCALE, PRICE_LIMIT))


def as_signed_price(value: Any) -> Decimal:
    """The amount of a flat or one-time pricing, which may be a discount."""
    return _bounded(value, "price", PRICE_SCALE, PRICE_LIMIT)


def as_threshold(value: Any) -> Decimal:
    """A number that values of events are compared with: at most 12 decimals, under 1e15."""
    return _bounded(value, "number", PRICE_SCALE, QUANTITY_LIMIT)


def as_positive_price(value: Any) -> Decimal:
    return _positive(_bounded(value, "price", PRICE_SCALE, PRICE_LIMIT))


def as_money(value: Any) -> Decimal:
    """An amount of 0 or more of a grant; whether it is finer than the minor unit is asked where the currency is known."""
    return _not_negative(_bounded(value, "amount", PRICE_SCALE, QUANTITY_LIMIT))


def as_signed_money(value: Any) -> Decimal:
    """An amount that may be given back, and is not 0."""
    amount = _bounded(value, "amount", PRICE_SCALE, QUANTITY_LIMIT)
    if not amount:
        raise value_error("an amount of 0 charges nothing", "Write what was agreed, or take the charge out")
    return amount


def as_positive_money(value: Any) -> Decimal:
    return _positive(as_money(value))


def as_positive_quantity(value: Any) -> Decimal:
    """A quantity above 0: at most 9 decimals, under 1e15 (R-2)."""
    return _positive(_bounded(value, "quantity", QUANTITY_SCALE, QUANTITY_LIMIT))


def as_share(value: Any) -> Decimal:
    number = as_decimal(value)
    if not 0 <= number <= 1:
        raise value_error(f"{shown(value)} is no share", 'Write a number from 0 to 1, such as "0.05"')
    return number


def as_percent(value: Any) -> Decimal:
    """A percentage above 0, up to 100, with at most 12 decimals."""
    number = _positive(_bounded(value, "percentage", PRICE_SCALE, PRICE_LIMIT))
    if number > 100:
        raise value_error(f"{shown(value)} is more than all of a price", 'Write a number from 0 to 100, such as "20"')
    return number


def whole_number(least: int, most: int) -> Callable[[Any], int]:
    """A reader of whole numbers from `least` to `most`."""

    def as_whole(value: Any) -> int:
        text = str(value).strip() if isinstance(value, str | Number) else ""
        if not _WHOLE.fullmatch(text) or not least <= Decimal(text) <= most:
            raise value_error(
                f"{shown(value)} is no whole number from {least} to {most}", f"Write a whole number from {least} to {most}"
            )
        return int(text)

    return as_whole


def as_boolean(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    raise value_error(f"{shown(value)} is neither true nor false", "Write true or false")


def as_date(value: Any) -> date:
    """A calendar date, YYYY-MM-DD."""
    if isinstance(value, date) and not isinstance(value, datetime):
        found = value
    else:
        if not isinstance(value, str) or not _DATE.fullmatch(value.strip()):
            raise value_error(f"{shown(value)} is no date", "Write a date as YYYY-MM-DD, such as 2026-01-31")
        try:
            found = date.fromisoformat(value.strip())
        except ValueError:
            raise value_error(f"there is no day {shown(value)}", "Write a date that the calendar has") from None
    if found < FIRST_DATE:
        raise value_error(f"`{found}` is before {FIRST_DATE}", f"Write a date from {FIRST_DATE} on")
    return found


def as_moment(value: Any) -> date | datetime:
    """A date, or an instant with an offset as naive UTC (R-6)."""
    if isinstance(value, datetime):
        return _instant(value, value)
    text = value.strip() if isinstance(value, str) else ""
    if not _BEGINS_AS_TIME.match(text):
        return as_date(value)
    time = time_of(text)
    if time is not None and not time.has_zone:
        raise value_error(
            f"{shown(value)} names no zone", f"Write `{time.local}Z` for UTC, another offset such as +02:00, or a date"
        )
    if time is None or time.instant is None or time.decimals > MICROSECOND_DECIMALS:
        raise value_error(f"there is no instant {shown(value)}", "Write an instant as 2026-01-31T00:00:00Z")
    return _instant(time.instant.replace(tzinfo=UTC), value)


def _instant(instant: datetime, value: object) -> datetime:
    if instant.tzinfo is None:
        raise value_error(f"{shown(value)} names no zone", "Store timestamps with a time zone, or dates")
    naive = instant.astimezone(UTC).replace(tzinfo=None)
    if naive.date() < FIRST_DATE:
        raise value_error(f"{shown(value)} is before {FIRST_DATE}", f"Write an instant from {FIRST_DATE} on")
    return naive


def canonical(value: Any) -> str:
    """The text a group value or a filter's value compares as: text by content, true/false, numbers by value (R-15)."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Number):
        return canonical_number(as_decimal(value))
    if isinstance(value, str):
        return value
    raise value_error(f"expected a text, a number or a boolean, found {shown(value)}", "Write the value as the events spell it")


def canonical_number(number: Decimal) -> str:
    """A number by value in plain notation: 1.10 is `1.1`, -0 is `0`."""
    if not number:
        return "0"
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def as_group_value(value: Any) -> str | None:
    """A canonical text, or None for `*`: any present value (R-20)."""
    if value is None:
        raise value_error(
            "a group value is empty", 'Write a value, or "*" for any; a missing value always takes the fallback (R-19)'
        )
    text = canonical(value)
    return None if text == "*" else text


class BillingAnchor(NamedTuple):
    """The day on which billing periods begin: of every month, or of one month of the year and those a period apart (R-17, R-108)."""

    day: int
    month: int | None = None


def as_anchor(value: Any) -> BillingAnchor:
    """A day of the month, or a month and day as MM-DD."""
    if isinstance(value, BillingAnchor):
        return value
    parts = _MONTH_AND_DAY.fullmatch(value.strip()) if isinstance(value, str) else None
    if parts is None:
        if isinstance(value, str) and "-" in value:
            raise value_error(f"{shown(value)} is no month and day", 'Write it as "01-01", or a day of the month')
        return BillingAnchor(whole_number(1, 31)(value))
    month, day = int(parts[1]), int(parts[2])
    # a leap year has every day that any year has
    if not 1 <= month <= 12 or not 1 <= day <= monthrange(2024, month)[1]:
        raise value_error(f"there is no day {shown(value)}", "Write a month and day that the calendar has")
    return BillingAnchor(day, month)


def as_clock(value: Any) -> str:
    """A time of day, HH:MM, up to 24:00."""
    if not isinstance(value, str) or not _CLOCK.fullmatch(value.strip()):
        raise value_error(f"{shown(value)} is no time of day", 'Write it as "08:00", from "00:00" to "24:00"')
    return value.strip()


def as_interval(value: Any) -> int:
    """A length of time in whole seconds, minutes or hours, as seconds; it divides a day."""
    parts = _INTERVAL.fullmatch(value.strip()) if isinstance(value, str) else None
    seconds = int(parts[1]) * {"s": 1, "m": 60, "h": 3600}[parts[2]] if parts else 0
    if not seconds or 86_400 % seconds:
        raise value_error(
            f"{shown(value)} is no part of a day", "Write seconds, minutes or hours that divide a day, such as 5m"
        )
    return seconds


def as_percentile(value: Any) -> Decimal:
    """Percent of readings, above 0, up to 100, with at most 9 decimals."""
    number = as_positive_quantity(value)
    if number > 100:
        raise value_error(f"{shown(value)} is more than all readings", "Write a number from 0 to 100, such as 95")
    return number


def as_columns(value: Any) -> tuple[str, ...]:
    """Names of columns, one or a list; a whole number is the place of a column of a file without a header."""
    values = value if isinstance(value, list | tuple) else [value]
    if not values:
        raise value_error("is empty", "Name a column, or several of which the first that is filled counts")
    return tuple(str(one) if isinstance(one, Number) and _WHOLE.fullmatch(one.text) else as_text(one) for one in values)


def as_header(value: Any) -> bool | tuple[str, ...]:
    """Whether a CSV file names its columns; a list names those of a file that does not."""
    return as_columns(value) if isinstance(value, list | tuple) else as_boolean(value)


def as_separator(value: Any) -> str:
    """One character, or `tab`."""
    text = "\t" if value in ("tab", "\\t") else value
    if not isinstance(text, str) or len(text) != 1 or not text.isascii() or text.isalnum() or text in '"\n\r.':
        raise value_error(f"{shown(value)} separates nothing", 'Write one sign such as ";" or "|", or `tab`')
    return text


def as_patterns(value: Any) -> tuple[str, ...]:
    """Names of files relative to the inbox, with `*`, `**`, `?` and `[…]`; one or a list."""
    patterns = as_columns(value)
    for pattern in patterns:
        if pattern.startswith("/") or "://" in pattern or ".." in pattern.split("/"):
            raise value_error(f"{shown(pattern)} leads out of the inbox", "Write it relative to the inbox, such as `cdr/*.csv`")
    return patterns


def as_property_columns(value: Any) -> dict[str, tuple[str, ...]] | None:
    """Which columns become properties, by the name of the property; None: all of them."""
    if value == "all":
        return None
    if isinstance(value, dict):
        return {as_text(name): as_columns(columns) for name, columns in value.items()}
    if isinstance(value, list | tuple):
        return {name: (name,) for name in as_columns(value)} if value else {}
    raise value_error(
        f"expected `all`, a list or a mapping, found {shown(value)}", "Write all, [columns], or {property: column}"
    )


Text = Annotated[str, PlainValidator(as_text)]
Code = Annotated[str, PlainValidator(as_code)]
Price = Annotated[Decimal, PlainValidator(as_price)]
SignedPrice = Annotated[Decimal, PlainValidator(as_signed_price)]
PositivePrice = Annotated[Decimal, PlainValidator(as_positive_price)]
Money = Annotated[Decimal, PlainValidator(as_money)]
SignedMoney = Annotated[Decimal, PlainValidator(as_signed_money)]
PositiveMoney = Annotated[Decimal, PlainValidator(as_positive_money)]
PositiveQuantity = Annotated[Decimal, PlainValidator(as_positive_quantity)]
Threshold = Annotated[Decimal, PlainValidator(as_threshold)]
Percent = Annotated[Decimal, PlainValidator(as_percent)]
Share = Annotated[Decimal, PlainValidator(as_share)]
Days = Annotated[int, PlainValidator(whole_number(0, 3650))]
Priority = Annotated[int, PlainValidator(whole_number(-1_000_000, 1_000_000))]
Count = Annotated[int, PlainValidator(whole_number(0, 1_000_000))]
Times = Annotated[int, PlainValidator(whole_number(1, 1200))]
Anchor = Annotated[BillingAnchor, PlainValidator(as_anchor)]
Boolean = Annotated[bool, PlainValidator(as_boolean)]
Day = Annotated[date, PlainValidator(as_date)]
Moment = Annotated[date | datetime, PlainValidator(as_moment)]
ComparedValue = Annotated[str, PlainValidator(canonical)]
GroupValue = Annotated[str | None, PlainValidator(as_group_value)]
Clock = Annotated[str, PlainValidator(as_clock)]
Interval = Annotated[int, PlainValidator(as_interval)]
Percentile = Annotated[Decimal, PlainValidator(as_percentile)]
Columns = Annotated[tuple[str, ...], PlainValidator(as_columns)]
Header = Annotated[bool | tuple[str, ...], PlainValidator(as_header)]
Separator = Annotated[str, PlainValidator(as_separator)]
Patterns = Annotated[tuple[str, ...], PlainValidator(as_patterns)]
PropertyColumns = Annotated[dict[str, tuple[str, ...]] | None, PlainValidator(as_property_columns)]
