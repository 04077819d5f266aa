"""The versions of rate cards with their entries, wherever those stand: in the card itself or in a CSV beside it."""

from __future__ import annotations

from datetime import date, datetime

from rating.books.contract_files import ContractFiles, RateCardVersion
from rating.books.flat_files import Cells, rate_table, read_csv
from rating.books.folder import Folder
from rating.books.models import CardEntry, CardVersion, Meter, RateCard
from rating.books.problems import Problem, instead, listed
from rating.books.source_locations import Document, Located, SourceLocation
from rating.books.validation import shaped

TIER_COLUMNS = ("up_to", "unit_amount", "flat_amount")
PRICE_COLUMNS = ("rate", *TIER_COLUMNS)


def read_rate_card_versions(contract_files: ContractFiles, folder: Folder) -> tuple[list[RateCardVersion], list[Problem]]:
    """Every version of every card, and what is wrong with the files they name (R-5, R-26)."""
    rate_card_versions: list[RateCardVersion] = []
    problems: list[Problem] = []
    for card in contract_files.rate_cards.values():
        meter = contract_files.meters.get(card.terms.meter)
        for effective_from, source, place in _sources(card):
            entries, found = _entries(source, place, None if meter is None else meter.terms, folder)
            rate_card_versions.append(RateCardVersion(card, effective_from, place, entries))
            problems += found
    return rate_card_versions, problems


def _sources(card: Located[RateCard]) -> list[tuple[date | datetime | None, RateCard | CardVersion, SourceLocation]]:
    """A card's versions; a card without versions is one that always holds."""
    if card.terms.versions is None:
        return [(None, card.terms, card.place)]
    places = (card.place.at("versions", position) for position in range(len(card.terms.versions)))
    return [(version.effective_from, version, place) for version, place in zip(card.terms.versions, places, strict=True)]


def _entries(
    source: RateCard | CardVersion, place: SourceLocation, meter: Meter | None, folder: Folder
) -> tuple[list[Located[CardEntry]], list[Problem]]:
    if source.entries_file is None:
        return [Located(entry, place.at("entries", position)) for position, entry in enumerate(source.entries or ())], []
    at = place.at("entries_file")
    cells, problems = _cells(source.entries_file, at, folder)
    if cells is None or meter is None:
        return [], problems
    if problem := _column_problem(cells, meter, at):
        return [], [*problems, problem]
    document = rate_table(cells, meter.group_names)
    tree, place = document.tree["entries"], SourceLocation(document, ("entries",))
    entries, found = shaped(CardEntry, tree, [place.at(position) for position in range(len(tree))])
    return entries, [*problems, *found]


def _cells(name: str, at: SourceLocation, folder: Folder) -> tuple[Cells | None, list[Problem]]:
    file = folder.beside(at.document.file, name)
    if file is None:
        return None, [at.problem(f"`{name}` lies outside of the books", "Put the file into the books folder")]
    if not file.lower().endswith(".csv"):
        return None, [at.problem(f"`{name}` is no .csv file", "Name a CSV file: one column a group key, plus rate")]
    if not folder.holds(file):
        return None, [at.problem(f"there is no file `{file}`", "Write a path beside this file, such as ai_call.csv")]
    text = folder.text(file)
    return (None, []) if text is None else read_csv(file, text)


def _column_problem(cells: Cells, meter: Meter, at: SourceLocation) -> Problem | None:
    """What keeps a card's CSV from being read: columns that are no group keys, or none that holds a price."""
    prices = [name for name in PRICE_COLUMNS if name in cells.header]
    place = SourceLocation(Document(cells.file, {}, {(): 1}))
    if clash := [key for key in meter.group_names if key in PRICE_COLUMNS]:
        return at.problem(
            f"group key {listed(clash)} cannot be told from the price column of that name", "Write the entries in YAML"
        )
    keys = set(cells.header) - set(prices)
    if missing := [key for key in meter.group_names if key not in keys]:
        return place.problem(f"column {listed(missing)} is missing", f"Give every group key of `{meter.code}` a column")
    if unknown := sorted(keys - set(meter.group_names)):
        known = [*meter.group_names, *PRICE_COLUMNS]
        fix = instead(unknown[0], known, otherwise=f"Take it out; the columns are {listed(known)}")
        return place.problem(f"column {listed(unknown)} is no group key of `{meter.code}`", fix)
    if not prices or (prices != ["rate"] and "rate" in prices):
        return place.problem(
            "the price columns are neither `rate` nor tiers", f"Have `rate`, or {listed(TIER_COLUMNS)}, not both"
        )
    return None
