"""Whether what the books state agrees: every rule of R-5 that looks at more than one value.

One page a theme; each yields problems and changes nothing. `warnings_about` says what is allowed but deserves a look.
"""

from __future__ import annotations

from collections.abc import Iterator

from rating.books.checks.cards import card_problems
from rating.books.checks.contracts import contract_problems
from rating.books.checks.deals import deal_problems
from rating.books.checks.grants import grant_problems
from rating.books.checks.meters import meter_problems
from rating.books.checks.overrides import override_problems
from rating.books.checks.plans import plan_problems, plan_warnings
from rating.books.checks.pricings import pricing_problems
from rating.books.checks.settings import settings_problems
from rating.books.checks.sources import source_problems
from rating.books.checks.values import value_warnings
from rating.books.contract_files import ContractFiles
from rating.books.problems import Problem

# of contracts these read no more than their zones
_OF_WHAT_ALL_SHARE = (
    settings_problems,
    meter_problems,
    card_problems,
    pricing_problems,
    plan_problems,
    source_problems,
    deal_problems,
)
_OF_AGREEMENTS = (contract_problems, override_problems, grant_problems)


def problems_in(contract_files: ContractFiles) -> Iterator[Problem]:
    """Everything in which they disagree (R-5)."""
    for check in (*_OF_WHAT_ALL_SHARE, *_OF_AGREEMENTS):
        yield from check(contract_files)


def problems_of_what_all_share(contract_files: ContractFiles) -> Iterator[Problem]:
    """What is wrong with settings, catalogue, sources and deals."""
    for check in _OF_WHAT_ALL_SHARE:
        yield from check(contract_files)


def problems_of_agreements(contract_files: ContractFiles) -> Iterator[Problem]:
    """What is wrong with customers, contracts and grants, where all that they share is known to be sound."""
    for check in _OF_AGREEMENTS:
        yield from check(contract_files)


def warnings_about(contract_files: ContractFiles) -> tuple[str, ...]:
    """What may be meant so, but deserves a look."""
    return (*plan_warnings(contract_files), *value_warnings(contract_files))
