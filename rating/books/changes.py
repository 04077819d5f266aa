"""Books that are read and sound, with a few files of the folder changed: what these change, to be read and checked as everything
is.

For looks and checks of what somebody proposes. Where a change may touch more than is told here, everything is read.

What belongs here: what a change of files touches. What does not: any rule (see `checks`), any value (see `frames`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from rating.books.additions import Touched, touched
from rating.books.checks import problems_of_agreements, problems_of_what_all_share
from rating.books.contract_files import ContractFiles, Grants
from rating.books.folder import YAML_ENDINGS, Folder
from rating.books.models import Contract
from rating.books.problems import Problem
from rating.books.rate_card_versions import read_rate_card_versions
from rating.books.reading import read_files
from rating.books.source_locations import Located, Registry

if TYPE_CHECKING:
    from rating.books import Books

_CATALOGUE = ("meters", "rate_cards", "pricings", "plans")
_AGREED = ("customers", "contracts")


@dataclass(frozen=True, slots=True)
class Changed:
    """problems: of the books with the change. part: the agreements that are others; None where none is."""

    problems: list[Problem]
    part: Touched | None

    def frames(self, books: Books) -> Mapping[str, Any]:
        return {} if self.part is None else self.part.frames(books)


def changed_by(books: Books, contract_files: ContractFiles, folder: Path, files: Mapping[str, bytes]) -> Changed | None:
    """What sound books are with files of their folder as they would be; None where that may be more than is told here."""
    if not all(name.lower().endswith(YAML_ENDINGS) for name in files):
        return None
    before, _ = read_files(Folder(folder), [name for name in files if Folder(folder).holds(name)])
    source = Folder(folder, files)
    after, problems = read_files(source, sorted(files))
    if not _state_the_same_beside_items(before, after) or any(one.incomplete for one in after.registries()):
        return None
    new: dict[str, Registry[Any]] = {}
    for name in (*_CATALOGUE, *_AGREED):
        found = _changed(getattr(contract_files, name), getattr(before, name), getattr(after, name), files)
        if found is None or (name in _CATALOGUE and any(code in getattr(before, name).stated for code in found.stated)):
            return None
        new[name] = found
    grants = _new_grants(before, after)
    if _have_external_ids_of_others(books, new["customers"]):  # which of the two is wrong is told by the order of files
        return None
    if grants is None or any(_is_worked_out(meter) for meter in new["meters"].stated.values()):
        return None
    every = replace(
        contract_files,
        **{name: getattr(contract_files, name).restated(getattr(after, name)) for name in (*_CATALOGUE, *_AGREED)},
    )
    if any(new[name].stated or new[name].broken for name in _CATALOGUE):
        every.rate_card_versions, more = read_rate_card_versions(replace(every, rate_cards=new["rate_cards"]), source)
        every.rate_card_versions = [*contract_files.rate_card_versions, *every.rate_card_versions]
        problems = [*problems, *more, *problems_of_what_all_share(_with_a_contract_a_zone(books, every))]
    part = None
    if any(new[name].stated for name in _AGREED) or grants:
        stated = replace(after, customers=new["customers"], contracts=new["contracts"], grants=Grants(grants))
        codes = {**{name: [*new[name].stated] for name in _AGREED}, "credit_grants": [grant.terms.id for grant in grants]}
        contracts = [grant.terms.contract for grant in grants]
        part = touched(books, every, stated, (), codes, contracts, takes_prices=True)
        if part is None or any(_has_tiers(one.terms) for one in new["contracts"].stated.values()):
            return None
        problems = [*problems, *problems_of_agreements(part.contract_files)]
    return Changed(problems, part)


def _changed(
    known: Registry[Any], before: Registry[Any], after: Registry[Any], files: Mapping[str, bytes]
) -> Registry[Any] | None:
    """What a register has new or with other terms; None where something is gone, or stands elsewhere, too."""
    if not {*before.stated} <= {*after.stated}:
        return None
    found = {
        code: one for code, one in after.stated.items() if code not in before.stated or _said(before.stated[code]) != _said(one)
    }
    for code in found:
        stated = known.get(code)
        if stated is not None and stated.place.document.file not in files:
            return None
    return replace(after, stated=found)


def _said(stated: Located[Any]) -> tuple[Any, ...]:
    """What an item says; in an amendment, null is not the same as nothing (R-5b)."""
    amendments = getattr(stated.terms, "amendments", ())
    return stated.terms, *(amendment.model_fields_set for amendment in amendments)


def _new_grants(before: ContractFiles, after: ContractFiles) -> list[Located[Any]] | None:
    """Grants that are new; None where one is another, or gone."""
    terms = {grant.terms.id: grant.terms for grant in before.grants}
    grants = [*after.grants]
    ids = [grant.terms.id for grant in grants]
    if len({*ids}) < len(ids) or not {*terms} <= {*ids}:
        return None
    if any(grant.terms != terms[grant.terms.id] for grant in grants if grant.terms.id in terms):
        return None
    return [grant for grant in grants if grant.terms.id not in terms]


def _have_external_ids_of_others(books: Books, customers: Registry[Any]) -> bool:
    externals = [one.terms.external_id for one in customers.stated.values() if one.terms.external_id is not None]
    others = books.customers.filter(~pl.col("customer_id").is_in(customers.stated.keys()))
    return bool(others.get_column("external_id").is_in(externals).any())


def _state_the_same_beside_items(before: ContractFiles, after: ContractFiles) -> bool:
    return (
        before.settings == after.settings
        and (before.settings_place is None) == (after.settings_place is None)
        and (None if before.deals is None else before.deals.terms) == (None if after.deals is None else after.deals.terms)
        and [one.terms for one in before.sources] == [one.terms for one in after.sources]
    )


def _is_worked_out(meter: Located[Any]) -> bool:
    """Whether group keys of a meter are more than properties: bands, hours and prefixes are looked up elsewhere."""
    return any(key.hours or key.of or key.bands or key.prefixes for key in meter.terms.group_keys)


def _with_a_contract_a_zone(books: Books, every: ContractFiles) -> ContractFiles:
    """Of contracts, what all share knows no more than their zones."""
    zones = books.contracts.unique(["timezone", "status"], keep="first", maintain_order=True)
    return replace(every, contracts=every.contracts.only(zones.get_column("contract_id").to_list()))


def _has_tiers(contract: Contract) -> bool:
    """Whether a contract has tiers of its own, which are numbered with all others."""
    return any(override.tiers is not None for override in _overrides(contract))


def _overrides(contract: Contract) -> Iterator[Any]:
    yield from contract.rate_overrides
    for amendment in contract.amendments:
        yield from amendment.rate_overrides
