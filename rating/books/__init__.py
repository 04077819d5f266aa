"""The books: one organization's folder of contract data, checked and turned into frames.

```
files  ─► documents   ─► contract_files  ─► problems, or ─► frames
folder    yaml_reader    reading,           checks/         frames, tier_sets
          flat_files     validation, models                  resolved_terms
```
What is agreed by API comes a few at a time, to books that were read: `additions` says what of them it touches.
The one part of the kernel that reads files. `load` is the door; nothing is rated from books with errors (R-5).
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import polars as pl

from rating.books.additions import touched_by
from rating.books.changes import changed_by
from rating.books.checks import problems_in, problems_of_agreements, warnings_about
from rating.books.contract_files import ContractFiles
from rating.books.folder import YAML_ENDINGS, Folder
from rating.books.frames import frames_of
from rating.books.garbage import uncollected
from rating.books.issued import CONTRACT_FACTS, LETTERHEADS, contract_facts, letterheads, problems_against
from rating.books.models import DealProduct, Deals, Settings, Source, SourceField, SourceFormat, TermSource
from rating.books.problems import BooksError, Problem
from rating.books.reading import laid_beside, read_contract_files, read_files
from rating.books.source_locations import Document
from rating.catalog import Catalog

__all__ = [
    "CONTRACT_FACTS",
    "LETTERHEADS",
    "NOTHING_AGREED",
    "Agreed",
    "Books",
    "BooksError",
    "DealProduct",
    "Deals",
    "Document",
    "Problem",
    "Reading",
    "Settings",
    "Source",
    "SourceField",
    "SourceFormat",
    "TermSource",
    "agreed_version",
    "contract_facts",
    "letterheads",
    "load",
    "problems_against",
    "read",
    "resumed",
    "settings_of",
    "version_now",
    "with_agreed",
    "with_files",
]


@dataclass(frozen=True, slots=True)
class Agreed:
    """What is agreed beside the folder (R-64): customers, contracts and grants, a document an item, and the hash of all of it.

    digest: empty where there are none. names: section and id of each of the documents, told without making them. since: places of the
    documents that an earlier state of some digest had not, or not so; None where there was no such state.
    """

    documents: Sequence[Document] = ()
    digest: str = ""
    names: Sequence[tuple[str, str]] = ()
    since: Callable[[str], Sequence[int] | None] = lambda _: None

    def version_with(self, folder: str) -> str:
        """The version of a folder and of this; the folder's own where nothing is agreed."""
        return agreed_version(folder, self.digest)


NOTHING_AGREED = Agreed()


def agreed_version(folder: str, digest: str) -> str:
    """The version of a folder of this version, and of what is agreed beside it, of this digest; the folder's own where that is
    empty."""
    return folder if not digest else hashlib.sha256(f"{folder}\0{digest}".encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Books(Catalog):
    """The catalog that a folder of contract files holds, and what the shell wants to know of it.

    `version` is the SHA-256 of every file read, of which `files` are the paths below the folder, and of what is agreed beside it;
    `folder_version` and `agreed_digest` are the two of them, the latter empty where nothing is agreed; `sources` say how foreign
    files of the inbox are read, the first that matches a name (R-113); `warnings` are sentences about what is allowed but deserves a
    look.
    """

    prefixes: pl.DataFrame
    folder_version: str
    agreed_digest: str
    files: tuple[str, ...]
    settings: Settings
    sources: tuple[Source, ...]
    deals: Deals | None
    warnings: tuple[str, ...]

    @classmethod
    def of(
        cls,
        folder_version: str,
        agreed_digest: str,
        files: Sequence[str],
        settings: Settings,
        sources: Sequence[Source],
        deals: Deals | None,
        warnings: Sequence[str],
        frames: Mapping[str, pl.DataFrame],
    ) -> Books:
        """The books of these frames, one a table of BOOKS_TABLES."""
        return cls(
            version=agreed_version(folder_version, agreed_digest),
            folder_version=folder_version,
            agreed_digest=agreed_digest,
            grace_days=settings.grace_days,
            rerate_days=settings.rerate_days,
            files=tuple(files),
            settings=settings,
            sources=tuple(sources),
            deals=deals,
            warnings=tuple(warnings),
            **frames,
        )

    def agreed_as(self, digest: str) -> Books:
        """The same, with another digest of what is agreed beside the folder."""
        return replace(self, version=agreed_version(self.folder_version, digest), agreed_digest=digest)


@dataclass(frozen=True, slots=True)
class Reading:
    """Books, and what was read to make them, so that a few more agreements need no other reading (`with_agreed`)."""

    books: Books
    contract_files: ContractFiles

    def document_of(self, section: str, code: str) -> str | None:
        """The file or record that states a customer or a contract; None where none does."""
        stated = {"customers": self.contract_files.customers, "contracts": self.contract_files.contracts}[section].get(code)
        return None if stated is None else stated.place.document.file


def load(folder: Path, agreed: Agreed = NOTHING_AGREED, changes: Mapping[str, bytes] = MappingProxyType({})) -> Books:
    """The books of a folder and what is agreed beside it; changes: files as they would be, by their path below the folder.

    Raises `BooksError` with every problem at once (R-5 to R-7).
    """
    return read(folder, agreed, changes).books


def read(folder: Path, agreed: Agreed = NOTHING_AGREED, changes: Mapping[str, bytes] = MappingProxyType({})) -> Reading:
    """As `load`, with what was read."""
    with uncollected():
        return _read(Folder(folder, changes), agreed)


def _read(source: Folder, agreed: Agreed) -> Reading:
    contract_files, problems = read_contract_files(source, agreed.documents)
    problems += problems_in(contract_files)
    if problems:
        raise BooksError.of(problems)
    loaded = Books.of(
        source.version,
        agreed.digest,
        source.files_read,
        contract_files.settings,
        [stated.terms for stated in contract_files.sources],
        None if contract_files.deals is None else contract_files.deals.terms,
        warnings_about(contract_files),
        frames_of(contract_files),
    )
    return Reading(loaded, contract_files)


def with_agreed(reading: Reading, documents: Sequence[Document], digest: str) -> Reading | None:
    """The books with some customers, contracts or grants more, or in the place of what was agreed of them before; a document each.

    digest: of all that is agreed. Raises `BooksError` where reading everything would, and of one document with the same problems.
    None where more than themselves may change with them: then everything has to be read.
    """
    part = touched_by(reading.books, reading.contract_files, documents)
    if part is None:
        return None
    if problems := [*part.problems, *problems_of_agreements(part.contract_files)]:
        raise BooksError.of(problems)
    changed: Mapping[str, Any] = part.frames(reading.books)
    return Reading(replace(reading.books.agreed_as(digest), **changed), part.every)


def resumed(known: Books, folder: Path, agreed: Agreed) -> Reading | None:
    """Books that are known, with what was agreed since they were read, while the folder is the same: no more is read than that, and
    the folder. None where all has to be read."""
    changed = agreed.since(known.agreed_digest)
    if changed is None:
        return None
    source = Folder(folder)
    with uncollected():
        contract_files, problems = read_contract_files(source)
        if problems or source.version != known.folder_version:
            return None
        before = Reading(known, _laid_beside(contract_files, agreed, {*changed}))
        # one that the folder states takes its place, whatever was agreed of it
        new = [agreed.documents[number] for number in changed if not _is_stated(contract_files, *agreed.names[number])]
        try:
            return with_agreed(before, new, agreed.digest)
        except BooksError:
            return None  # reading everything says all that is wrong


def _laid_beside(contract_files: ContractFiles, agreed: Agreed, changed: Collection[int]) -> ContractFiles:
    places = defaultdict[str, dict[str, int]](dict)
    for number, (section, code) in enumerate(agreed.names):
        if section != "credit_grants" or number not in changed:  # grants come one after the other
            places[section][code] = number
    return laid_beside(contract_files, places, agreed.documents.__getitem__)


def _is_stated(contract_files: ContractFiles, section: str, code: str) -> bool:
    if section == "credit_grants":
        return bool(contract_files.grants.some([code]))
    return code in {"customers": contract_files.customers, "contracts": contract_files.contracts}[section].stated


def with_files(reading: Reading, folder: Path, files: Mapping[str, bytes]) -> Books | None:
    """The books with files of their folder as they would be, for a look at what they come to: agreements are those that `load` reads,
    but for the lines that the others of these files stand on; catalogue and warnings are those of before.

    Raises `BooksError` as `load` does. None where more has to be read than these files.
    """
    changed = changed_by(reading.books, reading.contract_files, folder, files)
    if changed is None:
        return None
    if changed.problems:
        raise BooksError.of(changed.problems)
    return replace(reading.books, **changed.frames(reading.books))


def settings_of(folder: Path) -> Settings:
    """The settings that a folder states, while nothing else of it is looked at; the usual ones where they cannot be read."""
    source = Folder(folder)
    files = [file for file in source.files() if file.lower().endswith(YAML_ENDINGS) and "settings" in (source.text(file) or "")]
    return read_files(source, files)[0].settings


def version_now(folder: Path, files: Sequence[str]) -> str | None:
    """The version of a folder's books if they are still these files; None where one came, is gone or cannot be read."""
    source = Folder(folder)
    is_whole = set(source.files()) <= set(files) and all(source.content(file) is not None for file in files)
    return source.version if is_whole and not source.problems else None
