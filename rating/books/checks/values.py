"""Group values of cards and overrides that events hardly ever say: allowed, and probably not meant (R-20)."""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Iterator

from pydantic_core import PydanticCustomError

from rating.books.contract_files import ContractFiles
from rating.books.resolved_terms import dated_overrides
from rating.books.source_locations import SourceLocation
from rating.books.values import Number, canonical

MOST_OF_A_KIND = 5


def value_warnings(contract_files: ContractFiles) -> Iterator[str]:
    """Values with a `*` inside, blanks around them, another Unicode form, idle zeros; and values of overrides that are nearly, and not,
    those of the card. Of many of one kind the first, and how many more."""
    told: dict[str, list[str]] = defaultdict(list)
    listed: dict[tuple[str, str], set[str]] = defaultdict(set)
    for card_version in contract_files.rate_card_versions:
        for entry in card_version.entries:
            for key, value in entry.terms.dimensions.items():
                if value is not None:
                    listed[card_version.card.terms.meter, key].add(value)
                    _tell(told, key, value, entry.place)
    by_letters = {place: {_letters(value): value for value in sorted(values)} for place, values in listed.items()}
    for contract in contract_files.contracts.values():
        if not contract.terms.rate_overrides and not contract.terms.amendments:
            continue
        for override in dated_overrides(contract):
            for key, value in (override.terms.dimensions or {}).items():
                if value is None or override.terms.meter is None:
                    continue
                _tell(told, key, value, override.place)
                known = listed.get((override.terms.meter, key), set())
                meant = by_letters.get((override.terms.meter, key), {}).get(_letters(value))
                if value not in known and meant is not None:
                    told["near"].append(f"{override.place}: `{value}` is no value of `{key}` on the card, which has `{meant}`.")
    for sentences in told.values():
        yield from sentences[:MOST_OF_A_KIND]
        if len(sentences) > MOST_OF_A_KIND:
            yield f"{len(sentences) - MOST_OF_A_KIND:,} more values are like this one: {sentences[MOST_OF_A_KIND]}"


def _tell(told: dict[str, list[str]], key: str, value: str, place: SourceLocation) -> None:
    """Note what is odd about one value."""
    if "*" in value:
        told["star"].append(f"{place}: `{key}` is `{value}` to the letter; only a `*` alone stands for any value.")
    elif value != value.strip():
        told["blank"].append(f"{place}: `{key}` is `{value}`, with blanks that events hardly say.")
    elif value != unicodedata.normalize("NFC", value):
        told["form"].append(
            f"{place}: `{key}` is `{value}` in decomposed Unicode, which looks like what events say and is not equal."
        )
    elif "." in value and (number := _as_number(value)) not in (None, value):
        told["zeros"].append(f"{place}: `{key}` is the text `{value}`; the number {value} of an event is `{number}`.")


def _as_number(value: str) -> str | None:
    """What a number that is written so compares as; None where it is none."""
    try:
        return canonical(Number(value))
    except PydanticCustomError:
        return None


def _letters(value: str) -> str:
    """A value without what people vary: case, blanks and punctuation."""
    return "".join(sign for sign in unicodedata.normalize("NFKC", value).casefold() if sign.isalnum())
