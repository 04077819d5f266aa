"""Contracts and their amendments: parties, dates, zone, terms."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date

from rating.books.checks.plans import amount_problem
from rating.books.checks.settings import zone_problem
from rating.books.contract_files import ContractFiles
from rating.books.models import Amendment, Commitment, Contract, Plan
from rating.books.problems import Problem
from rating.books.resolved_terms import contract_terms, plan_spans
from rating.books.source_locations import Located, SourceLocation


def contract_problems(contract_files: ContractFiles) -> Iterator[Problem]:
    for contract in contract_files.contracts.values():
        terms, place = contract.terms, contract.place
        plan = contract_files.plans.get(terms.plan)
        if terms.customer not in contract_files.customers.stated:
            yield from contract_files.customers.unknown(terms.customer, place.at("customer"))
        yield from _plan_problems(terms.plan, place.at("plan"), contract_files)
        if terms.timezone is not None:
            yield from zone_problem(terms.timezone, place.at("timezone"))
        if terms.end_date is not None and terms.end_date <= terms.start_date:
            what = f"the contract ends ({terms.end_date}) before it has begun ({terms.start_date})"
            yield place.at("end_date").problem(
                what, "Write an `end_date` after `start_date`; it is the first day after the contract"
            )
        if plan is not None:
            yield from _term_problems(terms, place, plan.terms, contract_files)
            if terms.billing_anchor is not None and plan.terms.billing_frequency == "weekly":
                what = f"`billing_anchor` on the weekly plan `{terms.plan}`"
                yield place.at("billing_anchor").problem(what, "Take it out: weekly periods run from the start date's weekday")
            elif terms.billing_anchor and terms.billing_anchor.month and plan.terms.billing_frequency == "monthly":
                what = f"`billing_anchor` names a month, and the plan `{terms.plan}` is monthly"
                yield place.at("billing_anchor").problem(what, f"Write the day alone: {terms.billing_anchor.day}")
        currency = None if plan is None else contract_files.plan_currency(plan.terms)
        if terms.charges:
            yield from _charge_problems(terms, place, currency)
        if terms.commitments:
            yield from _commitment_problems(terms, place, currency, contract_files)
        if terms.covers:
            yield from _covered_problems(terms, place, contract_files)
        yield from _bound_problems(contract, contract_files)
        if terms.amendments:
            yield from _amendment_problems(contract, plan, contract_files)
    yield from _external_id_problems(contract_files)


def _repeated_id_problems(noun: str, ids: Sequence[str], place: SourceLocation) -> Iterator[Problem]:
    for position, code in enumerate(ids):
        if code in ids[:position]:
            yield place.at(position, "id").problem(f"{noun} `{code}` is stated twice", "Give each its own id")


def _charge_problems(terms: Contract, place: SourceLocation, currency: str | None) -> Iterator[Problem]:
    yield from _repeated_id_problems("charge", [charge.id for charge in terms.charges], place.at("charges"))
    for position, charge in enumerate(terms.charges):
        at = place.at("charges", position)
        yield from amount_problem(charge.amount, currency, at.at("amount"))
        if charge.on < terms.start_date or (terms.end_date is not None and charge.on >= terms.end_date):
            yield at.at("on").problem(f"{charge.on} lies outside of the contract", "Write a day on which the contract holds")


def _covered_problems(terms: Contract, place: SourceLocation, contract_files: ContractFiles) -> Iterator[Problem]:
    for position, covered in enumerate(terms.covers):
        at = place.at("covers", position)
        yield from contract_files.customers.unknown(covered.customer, at.at("customer"))
        begins, ends = covered.begins or terms.start_date, covered.to or terms.end_date
        if covered.customer == terms.customer:
            yield at.problem(
                f"`{covered.customer}` is the contract's own customer", "Take the entry out: its events count anyway"
            )
        if covered.to is not None and covered.to <= begins:
            what = f"the customer is covered until {covered.to}, before that has begun ({begins})"
            yield at.at("to").problem(what, "Write a `to` after `from`; it is the first day after")
        elif terms.end_date is not None and begins >= terms.end_date:
            yield at.at("from").problem(f"{begins} lies after the contract", "Write a day on which the contract holds")
        for other, earlier in enumerate(terms.covers[:position]):
            other_begins, other_ends = earlier.begins or terms.start_date, earlier.to or terms.end_date
            is_apart = (ends is not None and other_begins >= ends) or (other_ends is not None and begins >= other_ends)
            if earlier.customer == covered.customer and not is_apart:
                what = f"customer `{covered.customer}` is covered twice at once (the other in {place.at('covers', other)})"
                yield at.problem(what, "Keep one of the two, or let one end on the day the other begins")


def _commitment_problems(
    terms: Contract, place: SourceLocation, currency: str | None, contract_files: ContractFiles
) -> Iterator[Problem]:
    yield from _repeated_id_problems("commitment", [commitment.id for commitment in terms.commitments], place.at("commitments"))
    for position, commitment in enumerate(terms.commitments):
        at = place.at("commitments", position)
        yield from amount_problem(commitment.amount, currency, at.at("amount"))
        if commitment.to <= commitment.begins:
            what = f"the commitment ends ({commitment.to}) before it has begun ({commitment.begins})"
            yield at.at("to").problem(what, "Write a `to` after `from`; it is the first day after")
        if commitment.to <= terms.start_date or (terms.end_date is not None and commitment.begins >= terms.end_date):
            yield at.problem("the commitment lies outside of the contract", "Write days on which the contract holds")
        if commitment.meters == ():
            yield at.at("meters").problem(
                "the commitment is of no meter", "Name meters, or take `meters` out: all usage counts"
            )
        for number, code in enumerate(commitment.meters or ()):
            yield from contract_files.meters.unknown(code, at.at("meters", number))
        for other, earlier in enumerate(terms.commitments[:position]):
            shares_days = commitment.begins < earlier.to and earlier.begins < commitment.to
            if shares_days and _share_meters(commitment, earlier):
                what = f"two commitments count the same usage (the other in {place.at('commitments', other)})"
                yield at.problem(what, "End the one on the day the other begins, or name meters that are not the other's")


def _share_meters(one: Commitment, other: Commitment) -> bool:
    return one.meters is None or other.meters is None or bool({*one.meters} & {*other.meters})


def _bound_problems(contract: Located[Contract], contract_files: ContractFiles) -> Iterator[Problem]:
    """A minimum above the maximum, whichever of contract, plan and amendments named them (R-105)."""
    terms, codes = contract.terms, [span.plan for span in plan_spans(contract.terms)]
    named = [terms.maximum_spend, *(amendment.maximum_spend for amendment in terms.amendments)]
    named += [plan.terms.maximum_spend for code in codes if (plan := contract_files.plans.get(code)) is not None]
    if all(maximum is None for maximum in named) or contract_files.pricings_of(codes) is None:
        return
    for row in contract_terms(terms, contract_files.plans.stated):
        least, most = row["minimum_spend"], row["maximum_spend"]
        if least is not None and most is not None and least > most:
            what = f"from {row['effective_date']} on `minimum_spend` ({least:f}) is more than `maximum_spend` ({most:f})"
            yield contract.place.at("maximum_spend").problem(what, "Write a `maximum_spend` that is no less")


def _plan_problems(code: str | None, place: SourceLocation, contract_files: ContractFiles) -> Iterator[Problem]:
    yield from contract_files.plans.unknown(code, place)
    plan = contract_files.plans.get(code)
    if plan is not None and plan.terms.status == "draft":
        yield place.problem(f"plan `{code}` is a draft", f"Name another plan, or write `status: active` in {plan.place}")


def _term_problems(
    terms: Contract | Amendment, place: SourceLocation, plan: Plan, contract_files: ContractFiles
) -> Iterator[Problem]:
    currency = contract_files.plan_currency(plan)
    for key in ("base_fee", "minimum_spend", "maximum_spend"):
        if (amount := getattr(terms, key)) is not None:
            yield from amount_problem(amount, currency, place.at(key))


def _amendment_problems(
    contract: Located[Contract], plan: Located[Plan] | None, contract_files: ContractFiles
) -> Iterator[Problem]:
    first_place: dict[date, SourceLocation] = {}
    for position, amendment in enumerate(contract.terms.amendments):
        place = contract.place.at("amendments", position)
        yield from _date_problems(amendment.effective_date, contract.terms, place.at("effective_date"))
        if (first := first_place.setdefault(amendment.effective_date, place)) is not place:
            what = f"two amendments take effect on {amendment.effective_date} (the other in {first})"
            yield place.at("effective_date").problem(what, "Put their terms into one")
        if not amendment.model_fields_set - {"effective_date"}:
            what = "the amendment changes nothing"
            yield place.problem(what, "Name a new plan, base_fee, net_terms, minimum_spend, maximum_spend or rate_overrides")
        if amendment.plan is None and "plan" in amendment.model_fields_set:
            yield place.at("plan").problem(
                "an amendment cannot take the plan away", "Name a plan, or take `plan` out to keep it"
            )
        yield from _plan_problems(amendment.plan, place.at("plan"), contract_files)
        if plan is not None:
            yield from _term_problems(amendment, place, plan.terms, contract_files)
            yield from _new_plan_problems(amendment, place, plan.terms, contract_files)


def _date_problems(effective_date: date, contract: Contract, place: SourceLocation) -> Iterator[Problem]:
    if effective_date <= contract.start_date:
        what = f"the amendment takes effect on {effective_date}, the contract begins on {contract.start_date}"
        yield place.problem(what, "Write terms that hold from the start on the contract itself, later ones with a later date")
    if contract.end_date is not None and effective_date >= contract.end_date:
        what = f"the amendment takes effect on {effective_date}, when the contract is over (it ends on {contract.end_date})"
        yield place.problem(what, "Write a date before `end_date`, or prolong the contract")


def _new_plan_problems(
    amendment: Amendment, place: SourceLocation, plan: Plan, contract_files: ContractFiles
) -> Iterator[Problem]:
    """A new plan keeps currency and frequency (R-5b)."""
    new = contract_files.plans.get(amendment.plan)
    if new is None:
        return
    before, after = contract_files.plan_currency(plan), contract_files.plan_currency(new.terms)
    if before is not None and after is not None and before != after:
        what = f"currency mismatch: plan `{amendment.plan}` bills in {after}, plan `{plan.code}` in {before}"
        yield place.at("plan").problem(what, "Name a plan of the same currency, or end this contract and begin another")
    if new.terms.billing_frequency != plan.billing_frequency:
        what = f"plan `{amendment.plan}` bills {new.terms.billing_frequency}, plan `{plan.code}` {plan.billing_frequency}"
        yield place.at("plan").problem(what, "Name a plan of the same frequency, or end this contract and begin another")


def _external_id_problems(contract_files: ContractFiles) -> Iterator[Problem]:
    first_place: dict[str, SourceLocation] = {}
    for customer in contract_files.customers.values():
        external_id = customer.terms.external_id
        if external_id is None:
            continue
        first = first_place.setdefault(external_id, customer.place)
        if first is not customer.place:
            what = f"external_id `{external_id}` belongs to two customers (the other in {first})"
            yield customer.place.at("external_id").problem(what, "Give every customer an external_id of its own")
