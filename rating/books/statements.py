"""Everything the files of a books folder state, as models with their places.

What belongs here: files to statements. What does not: whether the statements agree (see `checks`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, cast

from pydantic import BaseModel

from rating.books.flat_files import Cells, bulk_csv, bulk_parquet, rate_table, read_csv
from rating.books.folder import YAML_ENDINGS, Folder
from rating.books.models import (
    SECTIONS,
    CardEntry,
    CardVersion,
    Contract,
    CreditGrant,
    Customer,
    Meter,
    Plan,
    Pricing,
    RateCard,
    Settings,
)
from rating.books.places import Document, Place, Register, Stated
from rating.books.problems import Problem, instead, listed
from rating.books.shapes import shaped, shaped_one
from rating.books.yaml_reader import read_yaml

TIER_COLUMNS = ("up_to", "unit_amount", "flat_amount")
NESTED_KEYS = ("rate_overrides", "amendments")


@dataclass(frozen=True, slots=True)
class Edition:
    """One version of a rate card with the entries it has; `effective_from` None: always in force."""

    card: Stated[RateCard]
    effective_from: date | None
    place: Place
    entries: Sequence[Stated[CardEntry]]


@dataclass(slots=True)
class Statements:
    """What the books state. Items with a problem of their own are left out and known as broken."""

    settings: Settings = field(default_factory=Settings)
    settings_place: Place | None = None
    meters: Register[Meter] = field(default_factory=lambda: Register("meter"))
    rate_cards: Register[RateCard] = field(default_factory=lambda: Register("rate card"))
    editions: list[Edition] = field(default_factory=list)
    pricings: Register[Pricing] = field(default_factory=lambda: Register("pricing"))
    plans: Register[Plan] = field(default_factory=lambda: Register("plan"))
    customers: Register[Customer] = field(default_factory=lambda: Register("customer"))
    contracts: Register[Contract] = field(default_factory=lambda: Register("contract"))
    grants: list[Stated[CreditGrant]] = field(default_factory=list)

    def registers(self) -> tuple[Register[Any], ...]:
        return self.meters, self.rate_cards, self.pricings, self.plans, self.customers, self.contracts

    def plan_currency(self, plan: Plan) -> str | None:
        return plan.currency or self.settings.currency

    def zone(self, contract: Contract) -> str:
        return contract.timezone or self.settings.timezone

    def pricings_of(self, plans: Sequence[str]) -> list[Pricing] | None:
        """The pricings of some plans; None where one of them is not known well enough to tell."""
        found: list[Pricing] = []
        for code in plans:
            if (plan := self.plans.get(code)) is None:
                return None
            for name in plan.terms.pricings:
                if (pricing := self.pricings.get(name)) is None:
                    return None
                found.append(pricing.terms)
        return found


def read_statements(folder: Folder) -> tuple[Statements, list[Problem]]:
    """Everything the folder's files state, and what is wrong with files, spelling and shape (R-5)."""
    reading = _Reading(folder)
    for file in folder.files():
        for document, names in reading.documents(file):
            reading.take(document, names)
    reading.take_editions()
    return reading.statements, [*folder.problems, *reading.problems]


class _Reading:
    """Collects statements and problems, file by file."""

    def __init__(self, folder: Folder) -> None:
        self.statements = Statements()
        self.problems: list[Problem] = []
        self._folder = folder

    def documents(self, file: str) -> Iterator[tuple[Document, Sequence[str] | None]]:
        """The file's document, with the columns of a flat file; nothing where it cannot be read."""
        document: Document | None = None
        names: Sequence[str] | None = None
        section = file.rpartition("/")[2].rpartition(".")[0]
        if file.lower().endswith(YAML_ENDINGS):
            text = self._folder.text(file)
            if text is not None:
                document, problems = read_yaml(file, text)
                self.problems += problems
        elif file.lower().endswith(".csv"):
            cells = self._cells(file)
            if cells is not None:
                document, names = bulk_csv(cells, section), cells.header
        else:
            content = self._folder.content(file)
            if content is not None:
                document, names, problems = bulk_parquet(file, content, section)
                self.problems += problems
        if document is None:
            self._forgive_references()
            return
        yield document, names

    def _cells(self, file: str) -> Cells | None:
        text = self._folder.text(file)
        if text is None:
            return None
        cells, problems = read_csv(file, text)
        self.problems += problems
        return cells

    def _forgive_references(self) -> None:
        """What an unreadable file would have stated is unknown: do not call references to it wrong."""
        for register in self.statements.registers():
            register.incomplete = True

    def take(self, document: Document, columns: Sequence[str] | None) -> None:
        """All sections of one document."""
        for section, items in document.tree.items():
            place = Place(document, (section,))
            if section not in SECTIONS:
                mend = instead(section, SECTIONS, otherwise=f"Take it out; the sections are {listed(SECTIONS)}")
                self.problems.append(place.problem(f"unknown section `{section}`", mend))
            elif items is None:
                continue
            elif section == "settings":
                self._take_settings(items, place)
            elif not isinstance(items, list):
                self.problems.append(place.problem(f"`{section}` is no list", "Begin every item with a dash: - {code: …}"))
            elif columns is None or self._columns_fit(columns, section, document):
                self._take_items(section, items, place)
            else:
                self._forgive_references()

    def _take_settings(self, value: Any, place: Place) -> None:
        if self.statements.settings_place is not None:
            self.problems.append(
                place.problem(f"settings are given twice (first in {self.statements.settings_place})", "Keep one of the two")
            )
            return
        self.statements.settings_place = place
        found, problems = shaped_one(Settings, value, place)
        self.problems += problems
        if found is not None:
            self.statements.settings = found.terms

    def _take_items(self, section: str, items: list[Any], place: Place) -> None:
        found, problems = shaped(SECTIONS[section], items, place)
        self.problems += problems
        if section == "credit_grants":
            self.statements.grants += cast(list[Stated[CreditGrant]], found)
            return
        register: Register[Any] = getattr(self.statements, section)
        if len(found) < len(items):
            sound = {stated.place.steps for stated in found}
            register.broken |= {
                code for position, item in enumerate(items) if place.at(position).steps not in sound for code in _codes(item)
            }
        for stated in found:
            code = _code(stated.terms)
            first = register.stated.setdefault(code, stated)
            if first is not stated:
                key = "id" if section in ("customers", "contracts") else "code"
                what = f"{register.noun} `{code}` is stated twice (first in {first.place})"
                self.problems.append(stated.place.at(key).problem(what, "Keep one of the two, or give this one another " + key))

    def _columns_fit(self, columns: Sequence[str], section: str, document: Document) -> bool:
        """Whether a flat file has the columns its section needs, and no other; one problem a column, not one a row."""
        fields = SECTIONS[section].model_fields
        flat = [name for name in fields if name not in NESTED_KEYS]
        place = Place(document, (section,))
        problems = []
        for name in columns:
            if name in NESTED_KEYS:
                problems.append(
                    place.at(name).problem(f"`{name}` does not fit into a flat file", "State contracts that have them in YAML")
                )
            elif name not in flat:
                mend = instead(name, flat, otherwise=f"Take it out; the columns are {listed(flat, most=20)}")
                problems.append(place.at(name).problem(f"unknown column `{name}`", mend))
        missing = [name for name in flat if fields[name].is_required() and name not in columns]
        problems += [place.problem(f"column `{name}` is missing", f"Add a column `{name}`") for name in missing]
        self.problems += problems
        return not problems

    def take_editions(self) -> None:
        """The versions of every card, with their entries, wherever those stand."""
        for card in self.statements.rate_cards.values():
            terms, place = card.terms, card.place
            if terms.versions is None:
                self.statements.editions.append(Edition(card, None, place, self._entries(card, terms, place)))
            for position, version in enumerate(terms.versions or []):
                at = place.at("versions", position)
                self.statements.editions.append(Edition(card, version.effective_from, at, self._entries(card, version, at)))

    def _entries(self, card: Stated[RateCard], source: RateCard | CardVersion, place: Place) -> Sequence[Stated[CardEntry]]:
        if source.entries_file is None:
            return [Stated(entry, place.at("entries", position)) for position, entry in enumerate(source.entries or [])]
        at = place.at("entries_file")
        meter = self.statements.meters.get(card.terms.meter)
        cells = self._entries_cells(source.entries_file, at)
        if cells is None or meter is None:
            return []
        if problem := _rate_columns_problem(cells, meter.terms, at):
            self.problems.append(problem)
            return []
        document = rate_table(cells, meter.terms.group_keys)
        entries, problems = shaped(CardEntry, document.tree["entries"], Place(document, ("entries",)))
        self.problems += problems
        return entries

    def _entries_cells(self, name: str, at: Place) -> Cells | None:
        file = self._folder.beside(at.document.file, name)
        if file is None:
            self.problems.append(at.problem(f"`{name}` lies outside of the books", "Put the file into the books folder"))
        elif not file.lower().endswith(".csv"):
            self.problems.append(at.problem(f"`{name}` is no .csv file", "Name a CSV file: one column a group key, plus rate"))
        elif not self._folder.holds(file):
            self.problems.append(at.problem(f"there is no file `{file}`", "Write a path beside this file, such as ai_call.csv"))
        else:
            return self._cells(file)
        return None


def _rate_columns_problem(cells: Cells, meter: Meter, at: Place) -> Problem | None:
    """What keeps a card's CSV from being read: columns that are no group keys, or none that holds a price."""
    prices = [name for name in ("rate", *TIER_COLUMNS) if name in cells.header]
    place = Place(Document(cells.file, {}, {(): 1}))
    if clash := [key for key in meter.group_keys if key in ("rate", *TIER_COLUMNS)]:
        return at.problem(
            f"group key {listed(clash)} cannot be told from the price column of that name", "Write the entries in YAML"
        )
    keys = set(cells.header) - set(prices)
    if missing := [key for key in meter.group_keys if key not in keys]:
        return place.problem(f"column {listed(missing)} is missing", f"Give every group key of `{meter.code}` a column")
    if unknown := sorted(keys - set(meter.group_keys)):
        known = [*meter.group_keys, "rate", *TIER_COLUMNS]
        mend = instead(unknown[0], known, otherwise=f"Take it out; the columns are {listed(known)}")
        return place.problem(f"column {listed(unknown)} is no group key of `{meter.code}`", mend)
    if not prices or (prices != ["rate"] and "rate" in prices):
        return place.problem(
            "the price columns are neither `rate` nor tiers", f"Have `rate`, or {listed(TIER_COLUMNS)}, not both"
        )
    return None


def _code(model: BaseModel) -> str:
    return str(getattr(model, "code", None) or getattr(model, "id", ""))


def _codes(item: Any) -> list[str]:
    """The code or id of an item that failed, as far as it has one."""
    return [item[key] for key in ("code", "id") if isinstance(item, dict) and isinstance(item.get(key), str)]
