"""Whether the statements of the books agree with each other: every rule of R-5 that looks at more than one value.

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
from rating.books.problems import Problem
from rating.books.statements import Statements

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


def problems_in(statements: Statements) -> Iterator[Problem]:
    """Everything in which the statements disagree (R-5)."""
    for check in (*_OF_WHAT_ALL_SHARE, *_OF_AGREEMENTS):
        yield from check(statements)


def problems_of_what_all_share(statements: Statements) -> Iterator[Problem]:
    """What is wrong with settings, catalogue, sources and deals."""
    for check in _OF_WHAT_ALL_SHARE:
        yield from check(statements)


def problems_of_agreements(statements: Statements) -> Iterator[Problem]:
    """What is wrong with customers, contracts and grants, where all that they share is known to be sound."""
    for check in _OF_AGREEMENTS:
        yield from check(statements)


def warnings_about(statements: Statements) -> tuple[str, ...]:
    """What may be meant so, but deserves a look."""
    return (*plan_warnings(statements), *value_warnings(statements))
