"""Credit grants: their value, their dates, what they apply to, and that one id is one grant."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rating.books.checks.meters import repeated
from rating.books.checks.plans import amount_problem
from rating.books.contract_files import ContractFiles
from rating.books.models import Contract, CreditGrant
from rating.books.problems import Problem, listed
from rating.books.resolved_terms import DatedGrant, dated_grants, grant_amount, plan_spans
from rating.books.source_locations import Located, SourceLocation
from rating.books.values import QUANTITY_LIMIT
from rating.books.zones import known_zones


def grant_problems(contract_files: ContractFiles) -> Iterator[Problem]:
    comparable = []
    for grant in contract_files.grants:
        terms, place = grant.terms, grant.place
        yield from contract_files.contracts.unknown(terms.contract, place.at("contract"))
        contract = contract_files.contracts.get(terms.contract)
        value_problems = [*_value_problems(terms, place)]
        yield from value_problems
        yield from _recurrence_problems(terms, place, contract)
        yield from _meter_problems(terms, place, contract, contract_files)
        if contract is not None and not value_problems:
            yield from _amount_problems(terms, place, contract.terms, contract_files)
            if contract_files.zone(contract.terms) in known_zones():
                comparable.append(grant)
    dated = dated_grants(contract_files, comparable)
    for found in dated:
        yield from _date_problems(found)
    yield from _id_problems(dated)


def _value_problems(grant: CreditGrant, place: SourceLocation) -> Iterator[Problem]:
    if grant.amount is not None and (grant.credits is not None or grant.credit_rate is not None):
        yield place.at("amount").problem(
            "the grant has both an amount and credits", "Keep `amount`, or `credits` with `credit_rate`"
        )
    elif grant.amount is None and (grant.credits is None or grant.credit_rate is None):
        missing = "credit_rate" if grant.credits is not None else "credits" if grant.credit_rate is not None else "amount"
        yield place.at(missing).problem(
            f"the grant has no value: `{missing}` is missing", "Write `amount`, or `credits` with `credit_rate`"
        )
    elif grant_amount(grant) >= QUANTITY_LIMIT:
        yield place.problem(f"the grant is worth {grant_amount(grant):f}, which is too much", f"Stay under {QUANTITY_LIMIT:f}")
    if grant.kind == "promotional" and grant.price:
        yield place.at("price").problem("a promotional grant is free", "Take `price` out, or write `kind: prepaid`")


def _amount_problems(
    grant: CreditGrant, place: SourceLocation, contract: Contract, contract_files: ContractFiles
) -> Iterator[Problem]:
    plan = contract_files.plans.get(contract.plan)
    currency = None if plan is None else contract_files.plan_currency(plan.terms)
    key = "amount" if grant.amount is not None else "credits"
    yield from amount_problem(grant_amount(grant), currency, place.at(key))
    yield from amount_problem(grant.price, currency, place.at("price"))
    if grant.rollover is not None:
        yield from amount_problem(grant.rollover.maximum, currency, place.at("rollover", "maximum"))


_OF_RECURRING = ("until", "times", "periods", "rollover")


def _recurrence_problems(grant: CreditGrant, place: SourceLocation, contract: Located[Contract] | None) -> Iterator[Problem]:
    """A grant that comes again says how long, and has no expiry of its own (R-111)."""
    if grant.every is None:
        for key in _OF_RECURRING:
            if getattr(grant, key) is not None:
                yield place.at(key).problem(
                    f"`{key}` is of grants that come again", f"Add `every: period`, or take `{key}` out"
                )
        return
    if grant.expires_at is not None:
        yield place.at("expires_at").problem(
            "a grant that comes again every period has no date of expiry",
            "Write how many `periods` each lasts (default 1), and `until` for the day from which it comes no more",
        )
    if grant.until is None and grant.times is None and contract is not None and contract.terms.end_date is None:
        yield place.at("every").problem(
            "the grant comes again for ever, and its contract has no end", "Add `until: <date>` or `times: <number>`"
        )
    if grant.until is not None and contract is not None and grant.until.year > contract.terms.start_date.year + _MOST_YEARS:
        yield place.at("until").problem(
            f"{grant.until} is more than {_MOST_YEARS} years after the contract begins", "Write an earlier day"
        )


_MOST_YEARS = 100


def _meter_problems(
    grant: CreditGrant, place: SourceLocation, contract: Located[Contract] | None, contract_files: ContractFiles
) -> Iterator[Problem]:
    if grant.applies_to is None:
        return
    at = place.at("applies_to")
    if not grant.applies_to:
        yield at.problem("the grant applies to no meter", "Name meters, or take `applies_to` out to let it pay all usage")
    if twice := repeated(grant.applies_to):
        yield at.problem(f"{listed(twice)} is named twice", "Name every meter once")
    plans = [] if contract is None else [span.plan for span in plan_spans(contract.terms)]
    billed = None if contract is None else contract_files.pricings_of(plans)
    for position, code in enumerate(grant.applies_to):
        yield from contract_files.meters.unknown(code, at.at(position))
        if billed is not None and code in contract_files.meters.stated and code not in {pricing.meter for pricing in billed}:
            what = (
                f"the grant can never pay usage of `{code}`: no pricing of plan {listed(dict.fromkeys(plans))} has this meter"
            )
            yield at.at(position).problem(what, "Name a meter that the contract is billed for")


def _date_problems(grant: DatedGrant) -> Iterator[Problem]:
    terms, place = grant.terms, grant.stated.place
    if terms.expires_at is not None and terms.expires_at <= terms.effective_at:
        what = f"the grant expires ({terms.expires_at} UTC) before it is effective ({terms.effective_at} UTC)"
        yield place.at("expires_at").problem(what, "Write an `expires_at` after `effective_at`")
    elif terms.expires_at is not None and terms.expires_at <= grant.contract_start:
        what = f"the grant can never pay: it expires on {terms.expires_at} UTC, before its contract begins"
        yield place.at("expires_at").problem(what, "Correct the date, or name another contract")
    if terms.recurrence is not None and terms.recurrence.until is not None and terms.recurrence.until <= terms.effective_at:
        what = (
            f"the grant never comes: it ends ({terms.recurrence.until} UTC) before it is effective ({terms.effective_at} UTC)"
        )
        yield place.at("until").problem(what, "Write an `until` after `effective_at`")
    if grant.contract_end is not None and terms.effective_at >= grant.contract_end:
        what = f"the grant can never pay: it is effective on {terms.effective_at} UTC, when its contract is over"
        yield place.at("effective_at").problem(what, "Correct the date, or name another contract")


def _id_problems(grants: Sequence[DatedGrant]) -> Iterator[Problem]:
    """The same id twice is one grant if the terms are the same, else a mistake."""
    first: dict[str, DatedGrant] = {}
    for grant in grants:
        other = first.setdefault(grant.terms.grant_id, grant)
        if other.terms != grant.terms:
            what = f"grant `{grant.terms.grant_id}` is stated with other terms (the other in {other.stated.place})"
            yield grant.stated.place.at("id").problem(what, "Give this one an id of its own, or make the terms the same")
    for grant in grants:
        stem, _, number = grant.terms.grant_id.rpartition("#")
        again = first.get(stem)
        if again is not None and again.terms.recurrence is not None and number.isdigit():
            what = f"`{grant.terms.grant_id}` is what one time of the recurring grant `{stem}` is called ({again.stated.place})"
            yield grant.stated.place.at("id").problem(what, "Give this one another id")
