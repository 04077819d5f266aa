"""Settings: a currency and a time zone that exist."""

from __future__ import annotations

import re
from collections.abc import Iterator

from rating.books.contract_files import ContractFiles
from rating.books.currencies import MINOR_DIGITS
from rating.books.problems import Problem, instead, nearest
from rating.books.source_locations import SourceLocation
from rating.books.zones import known_zones


def settings_problems(contract_files: ContractFiles) -> Iterator[Problem]:
    place = contract_files.settings_place
    if place is not None:
        yield from currency_problem(contract_files.settings.currency, place.at("currency"))
        yield from zone_problem(contract_files.settings.timezone, place.at("timezone"))


def currency_problem(currency: str | None, place: SourceLocation) -> Iterator[Problem]:
    """The problem of a currency that ISO 4217 does not have."""
    if currency is not None and currency not in MINOR_DIGITS:
        fix = instead(currency, MINOR_DIGITS, otherwise="Write a code of three capitals such as USD")
        yield place.problem(f"`{currency}` is no ISO 4217 currency", fix)


def zone_problem(zone: str | None, place: SourceLocation) -> Iterator[Problem]:
    """The problem of a time zone that IANA does not have."""
    if zone is not None and zone not in known_zones():
        yield place.problem(f"`{zone}` is no IANA time zone", _zone_instead(zone))


def _zone_instead(zone: str) -> str:
    """What to write instead of a zone; never one that moves midnight without a word."""
    if offset := re.fullmatch(r"(?:UTC|GMT)?([+-])0?([0-9]{1,2})(?::?00)?", zone, re.IGNORECASE):
        # the database counts west of Greenwich: UTC+2 is Etc/GMT-2
        fixed = f"Etc/GMT{'-' if offset[1] == '+' else '+'}{int(offset[2])}"
        if fixed in known_zones():
            return f"Write the place whose days are billed, such as Europe/Athens, or `{fixed}` for that offset all year"
    meant = nearest(zone, known_zones())
    if meant is not None and _letters(meant) == _letters(zone):
        return f"Write `{meant}`"
    asked = f" (did you mean `{meant}`?)" if meant is not None and "/" in meant and "/" in zone else ""
    return f"Write the place whose days are billed, such as America/New_York, or `UTC`{asked}"


def _letters(zone: str) -> str:
    return re.sub(r"[^a-z0-9+/-]", "", zone.casefold())
