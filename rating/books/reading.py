"""Files to `ContractFiles`: which sections a file has, and what each item of them is.

What belongs here: taking documents apart. What does not: the spelling of a file (see `yaml_reader`, `flat_files`), or the entries
of cards (see `rate_card_versions`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from rating.books.computed import read_prefixes
from rating.books.contract_files import ContractFiles, Grants
from rating.books.flat_files import bulk_csv, bulk_parquet, read_csv
from rating.books.folder import YAML_ENDINGS, Folder
from rating.books.layers import Beside, MadeWhereAsked
from rating.books.models import SECTIONS, CreditGrant, Deals, Settings, Source
from rating.books.problems import Problem, instead, listed
from rating.books.rate_card_versions import read_rate_card_versions
from rating.books.source_locations import Document, Located, Registry, SourceLocation
from rating.books.validation import shaped, shaped_one
from rating.books.yaml_reader import read_yaml

NESTED_KEYS = ("rate_overrides", "amendments", "charges")


def read_contract_files(folder: Folder, beside: Sequence[Document] = ()) -> tuple[ContractFiles, list[Problem]]:
    """Everything the folder's files state, and what is wrong with files, spelling and shape (R-5).

    beside: what is agreed elsewhere (R-64), a document an item; an item of the folder of the same id takes its place (R-65).
    """
    reading = _Reading(folder)
    for file in folder.files():
        reading.take_file(file)
    reading.take_beside(beside)
    contract_files = reading.contract_files
    contract_files.rate_card_versions, problems = read_rate_card_versions(contract_files, folder)
    problems += read_prefixes(contract_files, folder)
    return contract_files, [*folder.problems, *reading.problems, *problems]


def read_files(folder: Folder, files: Sequence[str]) -> tuple[ContractFiles, list[Problem]]:
    """What some of the files state by themselves, rate cards without their entries; and what is wrong with their shape."""
    reading = _Reading(folder)
    for file in files:
        reading.take_file(file)
    return reading.contract_files, [*folder.problems, *reading.problems]


def read_alone(documents: Sequence[Document]) -> tuple[ContractFiles, list[Problem]]:
    """What documents that are agreed beside a folder state, and what is wrong with their shape."""
    reading = _Reading(Folder(Path()))
    reading.take_beside(documents)
    return reading.contract_files, reading.problems


def laid_beside(
    contract_files: ContractFiles, places: Mapping[str, Mapping[str, int]], made: Callable[[int], Document]
) -> ContractFiles:
    """The contract files of a folder with what is agreed beside it and was found good: each is read where somebody asks for it.

    places: by section and id, the numbers of documents to make. What the folder states itself takes their place (R-65).
    """

    def stated(section: str) -> MadeWhereAsked[str, Located[Any]]:
        model = SECTIONS[section]

        def one(number: int) -> Located[Any]:
            document = made(number)
            return Located(model.model_validate(document.tree[section][0]), SourceLocation(document, (section, 0)))

        return MadeWhereAsked(places.get(section, {}), one)

    grants = contract_files.grants
    mine = {grant.terms.id for grant in grants.read}
    known = {code: number for code, number in places.get("credit_grants", {}).items() if code not in mine}
    return replace(
        contract_files,
        customers=replace(contract_files.customers, stated=Beside(contract_files.customers.stated, stated("customers"))),
        contracts=replace(contract_files.contracts, stated=Beside(contract_files.contracts.stated, stated("contracts"))),
        grants=replace(grants, known=MadeWhereAsked(known, stated("credit_grants").made)),
    )


class _Reading:
    """Collects what files state, and problems, file by file."""

    def __init__(self, folder: Folder) -> None:
        self._grants = list[Located[CreditGrant]]()
        self.contract_files = ContractFiles(grants=Grants(self._grants))
        self.problems: list[Problem] = []
        self._folder = folder

    def take_file(self, file: str) -> None:
        """All sections of one file. What an unreadable file would have stated, nobody is blamed for naming."""
        section = file.rpartition("/")[2].rpartition(".")[0]
        if file.lower().endswith(YAML_ENDINGS):
            document = self._yaml(file)
        elif file.lower().endswith(".csv"):
            document = self._bulk_csv(file, section)
        else:
            document = self._bulk_parquet(file, section)
        if document is None:
            self._forgive_references()
        else:
            self._take(document)

    def take_beside(self, documents: Sequence[Document]) -> None:
        """The items of documents that the folder does not state itself."""
        contract_files = self.contract_files
        known: dict[str, set[str]] = {
            "customers": {*contract_files.customers.stated, *contract_files.customers.broken},
            "contracts": {*contract_files.contracts.stated, *contract_files.contracts.broken},
            "credit_grants": {stated.terms.id for stated in contract_files.grants},
        }
        beside: dict[str, list[tuple[Any, SourceLocation]]] = {section: [] for section in known}
        for document in documents:
            for section, items in document.tree.items():
                if not any(item.get("id") in known[section] for item in items):
                    beside[section] += [(item, SourceLocation(document, (section, nth))) for nth, item in enumerate(items)]
        for section, found in beside.items():
            self._take_items(section, [item for item, _ in found], [place for _, place in found])

    def _yaml(self, file: str) -> Document | None:
        text = self._folder.text(file)
        if text is None:
            return None
        document, problems = read_yaml(file, text)
        self.problems += problems
        return document

    def _bulk_csv(self, file: str, section: str) -> Document | None:
        text = self._folder.text(file)
        if text is None:
            return None
        cells, problems = read_csv(file, text)
        self.problems += problems
        return bulk_csv(cells, section) if cells is not None and self._columns_fit(cells.header, section, file) else None

    def _bulk_parquet(self, file: str, section: str) -> Document | None:
        content = self._folder.content(file)
        if content is None:
            return None
        document, columns, problems = bulk_parquet(file, content, section)
        self.problems += problems
        return document if document is not None and self._columns_fit(columns, section, file) else None

    def _forgive_references(self) -> None:
        for registry in self.contract_files.registries():
            registry.incomplete = True
        self.contract_files.settings_known = False

    def _take(self, document: Document) -> None:
        for section, items in document.tree.items():
            place = SourceLocation(document, (section,))
            if section not in SECTIONS:
                fix = instead(section, SECTIONS, otherwise=f"Take it out; the sections are {listed(SECTIONS)}")
                self.problems.append(place.problem(f"unknown section `{section}`", fix))
                self._forgive_references()
            elif items is None:
                continue
            elif section == "settings":
                self._take_settings(items, place)
            elif section == "deals":
                self._take_deals(items, place)
            elif isinstance(items, list):
                self._take_items(section, items, [place.at(position) for position in range(len(items))])
            else:
                self.problems.append(place.problem(f"`{section}` is no list", "Begin every item with a dash: - {code: …}"))
                self._forgive_references()

    def _take_settings(self, value: Any, place: SourceLocation) -> None:
        if self.contract_files.settings_place is not None:
            self.problems.append(
                place.problem(
                    f"settings are given twice (first in {self.contract_files.settings_place})", "Keep one of the two"
                )
            )
            return
        self.contract_files.settings_place = place
        found, problems = shaped_one(Settings, value, place)
        self.problems += problems
        if found is None:
            self.contract_files.settings_known = False
        else:
            self.contract_files.settings = found.terms

    def _take_deals(self, value: Any, place: SourceLocation) -> None:
        if self.contract_files.deals is not None:
            first = self.contract_files.deals.place
            self.problems.append(place.problem(f"deals are given twice (first in {first})", "Keep one of the two"))
            return
        found, problems = shaped_one(Deals, value, place)
        self.problems += problems
        self.contract_files.deals = found

    def _take_items(self, section: str, items: list[Any], places: list[SourceLocation]) -> None:
        found, problems = shaped(SECTIONS[section], items, places)
        self.problems += problems
        if section == "credit_grants":
            self._grants += cast(list[Located[CreditGrant]], found)
            return
        if section == "sources":
            self.contract_files.sources += cast(list[Located[Source]], found)
            return
        register: Registry[Any] = getattr(self.contract_files, section)
        if len(found) < len(items):
            sound = {id(stated.place) for stated in found}
            register.broken |= {
                code for item, place in zip(items, places, strict=True) if id(place) not in sound for code in _codes(item)
            }
        key = "id" if section in ("customers", "contracts") else "code"
        for stated in found:
            first = register.take(getattr(stated.terms, key), stated)
            if first is not stated:
                code = getattr(stated.terms, key)
                what = f"{register.noun} `{code}` is stated twice (first in {first.place})"
                self.problems.append(stated.place.at(key).problem(what, "Keep one of the two, or give this one another " + key))

    def _columns_fit(self, columns: Sequence[str], section: str, file: str) -> bool:
        """Whether a flat file has the columns its section needs, and no other; one problem a column, not one a row."""
        fields = SECTIONS[section].model_fields
        flat = [name for name in fields if name not in NESTED_KEYS]
        place = SourceLocation(Document(file, {}, {(): 1} if file.lower().endswith(".csv") else {}), (section,))
        problems = []
        for name in columns:
            if name in NESTED_KEYS:
                problems.append(
                    place.at(name).problem(f"`{name}` does not fit into a flat file", "State contracts that have them in YAML")
                )
            elif name not in flat:
                fix = instead(name, flat, otherwise=f"Take it out; the columns are {listed(flat, most=20)}")
                problems.append(place.at(name).problem(f"unknown column `{name}`", fix))
        missing = [name for name in flat if fields[name].is_required() and name not in columns]
        problems += [place.problem(f"column `{name}` is missing", f"Add a column `{name}`") for name in missing]
        self.problems += problems
        return not problems


def _codes(item: Any) -> list[str]:
    """The code or id of an item that failed, as far as it has one."""
    return [item[key] for key in ("code", "id") if isinstance(item, dict) and isinstance(item.get(key), str)]
