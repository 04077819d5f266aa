"""Settings: a currency and a time zone that exist."""

from __future__ import annotations

from collections.abc import Iterator

from rating.books.currencies import MINOR_DIGITS
from rating.books.places import Place
from rating.books.problems import Problem, instead
from rating.books.statements import Statements
from rating.books.zones import known_zones


def settings_problems(statements: Statements) -> Iterator[Problem]:
    place = statements.settings_place
    if place is not None:
        yield from currency_problem(statements.settings.currency, place.at("currency"))
        yield from zone_problem(statements.settings.timezone, place.at("timezone"))


def currency_problem(currency: str | None, place: Place) -> Iterator[Problem]:
    """The problem of a currency that ISO 4217 does not have."""
    if currency is not None and currency not in MINOR_DIGITS:
        mend = instead(currency, MINOR_DIGITS, otherwise="Write a code of three capitals such as USD")
        yield place.problem(f"`{currency}` is no ISO 4217 currency", mend)


def zone_problem(zone: str | None, place: Place) -> Iterator[Problem]:
    """The problem of a time zone that IANA does not have."""
    if zone is not None and zone not in known_zones():
        mend = instead(zone, known_zones(), otherwise="Write a name such as America/New_York")
        yield place.problem(f"`{zone}` is no IANA time zone", mend)
