"""Rate cards: their versions, and the entries of each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, time, timedelta
from typing import Final

from rating.books.checks.tiers import tier_problems
from rating.books.contract_files import ContractFiles
from rating.books.models import CardEntry, CardVersion, RateCard
from rating.books.problems import Problem, instead, listed
from rating.books.resolved_terms import instant_in
from rating.books.source_locations import Located, SourceLocation

_FARTHEST: Final = timedelta(days=2)  # no midnight lies farther from that of UTC


def card_problems(contract_files: ContractFiles) -> Iterator[Problem]:
    for card in contract_files.rate_cards.values():
        yield from contract_files.meters.unknown(card.terms.meter, card.place.at("meter"))
        yield from _version_problems(card.terms, card.place)
        yield from _same_instant_problems(card.terms, card.place, contract_files)
    for card_version in contract_files.rate_card_versions:
        meter = contract_files.meters.get(card_version.card.terms.meter)
        if meter is not None:
            yield from _entry_problems(card_version.entries, meter.terms.group_names)


def dimension_problems(dimensions: Mapping[str, object], group_keys: Sequence[str], place: SourceLocation) -> Iterator[Problem]:
    """Keys that are no group keys, and group keys without a value (partial `dimensions`)."""
    for key in dimensions:
        if key not in group_keys:
            fix = instead(key, group_keys, otherwise=f"Use the meter's group keys: {listed(group_keys) or 'it has none'}")
            yield place.at(key).problem(f"`{key}` is no group key of the meter", fix)
    if missing := [key for key in group_keys if key not in dimensions]:
        yield place.problem(
            f"partial dimensions: {listed(missing)} is missing", 'Give every group key a value, or "*" for any value'
        )


def _version_problems(card: RateCard, place: SourceLocation) -> Iterator[Problem]:
    sources = [key for key in ("entries", "entries_file", "versions") if getattr(card, key) is not None]
    yield from _one_source(sources, place, "`entries`, `entries_file` or `versions`")
    if card.versions == ():
        yield place.at("versions").problem("there are no versions", "Add one, or write `entries` instead")
    first_place: dict[object, SourceLocation] = {}
    for position, version in enumerate(card.versions or []):
        at = place.at("versions", position)
        yield from _one_source(_sources(version), at, "`entries` or `entries_file`")
        if (first := first_place.setdefault(version.effective_from, at)) is not at:
            what = f"two versions overlap: both begin on {version.effective_from} (the other in {first})"
            yield at.at("effective_from").problem(what, "Give every version a day of its own; each holds until the next begins")


def _same_instant_problems(card: RateCard, place: SourceLocation, contract_files: ContractFiles) -> Iterator[Problem]:
    """A version that begins on a day and one that begins at an instant must not begin together for any contract (R-102)."""
    versions = [*enumerate(card.versions or ())]
    days = {
        version.effective_from: position for position, version in versions if not isinstance(version.effective_from, datetime)
    }
    moments = [(position, one.effective_from) for position, one in versions if isinstance(one.effective_from, datetime)]
    if not days or not moments:
        return
    zones = sorted({contract_files.zone(contract.terms) for contract in contract_files.contracts.values()})
    for position, moment in moments:
        for zone in zones:
            for day, other in days.items():
                if abs(moment - datetime.combine(day, time())) < _FARTHEST and instant_in(zone, day) == moment:
                    what = f"two versions overlap: {moment} UTC is the first instant of {day} in {zone}"
                    what += f" (the other in {place.at('versions', other)})"
                    yield place.at("versions", position, "effective_from").problem(what, "Keep the one that holds")


def _sources(version: CardVersion) -> list[str]:
    return [key for key in ("entries", "entries_file") if getattr(version, key) is not None]


def _one_source(sources: Sequence[str], place: SourceLocation, choice: str) -> Iterator[Problem]:
    if not sources:
        yield place.problem("there are no entries", f"Write one of {choice}")
    elif len(sources) > 1:
        yield place.at(sources[1]).problem(f"{listed(sources)} are given together", f"Keep one of {choice}")


def _entry_problems(entries: Sequence[Located[CardEntry]], group_keys: Sequence[str]) -> Iterator[Problem]:
    first_place: dict[tuple[str | None, ...], SourceLocation] = {}
    for entry in entries:
        terms, place = entry.terms, entry.place
        if (terms.rate is None) == (terms.tiers is None):
            what = "the entry has no price" if terms.rate is None else "the entry has both `rate` and `tiers`"
            yield place.problem(what, 'Write `rate: "…"` for per_unit pricings, `tiers: […]` for graduated and volume')
        if terms.tiers is not None:
            yield from tier_problems(terms.tiers, place.at("tiers"))
        if terms.dimensions.keys() != set(group_keys):
            yield from dimension_problems(terms.dimensions, group_keys, place.at("dimensions"))
            continue
        combination = tuple(terms.dimensions[key] for key in group_keys)
        if (first := first_place.setdefault(combination, place)) is not place:
            what = f"two entries are equal: {combination_text(combination)} (the other in {first})"
            yield place.problem(what, "Keep the one that holds")


def combination_text(combination: Sequence[str | None]) -> str:
    return " / ".join("*" if value is None else f"`{value}`" for value in combination) or "the whole meter"
