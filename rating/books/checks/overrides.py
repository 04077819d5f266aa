"""Rate overrides of contracts and amendments: what they name, when they hold, and that no two hold at once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import combinations

from rating.books.checks.cards import combination_text, dimension_problems
from rating.books.checks.plans import amount_problem
from rating.books.checks.tiers import tier_problems
from rating.books.contract_files import ContractFiles
from rating.books.models import PRICE_KEYS, Contract, Pricing
from rating.books.problems import Problem, listed
from rating.books.resolved_terms import DatedOverride, dated_overrides, instant_in, overlap, plan_spans

_Target = tuple[str, str, tuple[str | None, ...]]


def override_problems(contract_files: ContractFiles) -> Iterator[Problem]:
    for contract in contract_files.contracts.values():
        if not contract.terms.rate_overrides and not contract.terms.amendments:
            continue
        targets: dict[_Target, list[DatedOverride]] = defaultdict(list)
        for override in dated_overrides(contract):
            problems = [*_problems(override, contract.terms, contract_files)]
            yield from problems
            target = _target(override, contract_files)
            if target is not None and not problems:
                targets[target].append(override)
        for target, overrides in targets.items():
            yield from _twice_in_force(target, overrides, contract_files.zone(contract.terms))


def _target(override: DatedOverride, contract_files: ContractFiles) -> _Target | None:
    """What an override replaces: one combination of a meter, or a pricing."""
    terms = override.terms
    if terms.pricing is not None:
        return ("pricing", terms.pricing, ())
    if terms.plan:
        return ("plan", "", ())
    meter = contract_files.meters.get(terms.meter)
    if meter is None:
        return None
    dimensions = terms.dimensions or {}
    return ("meter", meter.terms.code, tuple(dimensions.get(key) for key in meter.terms.group_names))


def _twice_in_force(target: _Target, overrides: Sequence[DatedOverride], zone: str) -> Iterator[Problem]:
    for first, second in combinations(overrides, 2):
        if overlap(first.begins(zone), first.ends(zone), second.begins(zone), second.ends(zone)):
            kind, code, values = target
            named = "the plan" if kind == "plan" else f"{kind} `{code}`"
            named += f", {combination_text(values)}," if kind == "meter" else ""
            what = f"two overrides of {named} are in force at once (the other in {first.place})"
            yield second.place.problem(what, "End the one with `effective_to` when the other begins")


def _problems(override: DatedOverride, contract: Contract, contract_files: ContractFiles) -> Iterator[Problem]:
    terms, place = override.terms, override.place
    yield from contract_files.meters.unknown(terms.meter, place.at("meter"))
    yield from contract_files.pricings.unknown(terms.pricing, place.at("pricing"))
    if terms.tiers is not None:
        yield from tier_problems(terms.tiers, place.at("tiers"))
    yield from _date_problems(override, contract, contract_files.zone(contract))
    if terms.plan and (terms.meter is not None or terms.pricing is not None):
        yield place.at("plan").problem("the override names the plan, and a part of it too", "Keep one of the two")
    elif terms.plan:
        yield from _percent_problems(override)
        if terms.percent_off is None:
            yield place.problem(
                "all usage of the plan has no one price", 'Write `percent_off: "20"`, or name a meter or a pricing'
            )
    elif (terms.meter is None) == (terms.pricing is None):
        what = (
            "the override names neither a meter nor a pricing"
            if terms.meter is None
            else "the override names a meter and a pricing"
        )
        yield place.problem(what, "Write {meter, dimensions, rate} for one combination, or {pricing, …} for a pricing")
    elif terms.percent_off is not None:
        yield from _percent_problems(override)
        yield from _part_problems(override, contract_files)
    elif terms.meter is not None:
        yield from _combination_problems(override, contract_files)
    else:
        yield from _pricing_problems(override, contract, contract_files)
    if contract.end_date is None or contract.end_date > contract.start_date:
        yield from _scope_problems(override, contract, contract_files)


def _date_problems(override: DatedOverride, contract: Contract, zone: str) -> Iterator[Problem]:
    place, start, end = override.place, override.effective_from, override.effective_to
    begins, ends = override.begins(zone), override.ends(zone)
    if ends is not None and ends <= begins:
        what = f"the override ends ({end}) before it holds ({start})"
        yield place.at("effective_to").problem(what, "Write an `effective_to` after its first day; it is the first day after")
    elif ends is not None and ends <= instant_in(zone, contract.start_date):
        what = f"the override can never apply: it ends on {end}, the contract begins on {contract.start_date}"
        yield place.at("effective_to").problem(what, "Correct the date, or take the override out")
    if contract.end_date is not None and begins >= instant_in(zone, contract.end_date):
        what = f"the override can never apply: it begins on {start}, the contract ends on {contract.end_date}"
        yield place.at("effective_from").problem(what, "Correct the date, or take the override out")


def _percent_problems(override: DatedOverride) -> Iterator[Problem]:
    """A percentage goes with no price."""
    for key in ("rate", *PRICE_KEYS):
        if getattr(override.terms, key) is not None and override.terms.percent_off is not None:
            yield override.place.at(key).problem(f"`{key}` and `percent_off` are given together", "Keep one of the two")


def _part_problems(override: DatedOverride, contract_files: ContractFiles) -> Iterator[Problem]:
    """The combination or the pricing that a percentage is of."""
    terms, place = override.terms, override.place
    meter = contract_files.meters.get(terms.meter)
    if terms.pricing is not None and terms.dimensions is not None:
        yield place.at("dimensions").problem("`dimensions` does not go with a pricing", "Name the meter instead of the pricing")
    if meter is not None:
        yield from dimension_problems(terms.dimensions or {}, meter.terms.group_names, place.at("dimensions"))
    pricing = contract_files.pricings.get(terms.pricing)
    if pricing is not None and pricing.terms.meter is None:
        what = f"`percent_off` is of prices of usage, and pricing `{terms.pricing}` is {pricing.terms.model}"
        yield place.at("percent_off").problem(what, "Write `amount: …`")


def _combination_problems(override: DatedOverride, contract_files: ContractFiles) -> Iterator[Problem]:
    terms, place = override.terms, override.place
    for key in PRICE_KEYS:
        if getattr(terms, key) is not None:
            yield place.at(key).problem(
                f"`{key}` does not go with a meter", 'Write `rate: "…"`, or name a pricing instead of the meter'
            )
    if terms.rate is None:
        yield place.at("rate").problem("`rate` is missing", 'Add `rate: "…"`, in the card\'s `per`')
    meter = contract_files.meters.get(terms.meter)
    if meter is not None:
        yield from dimension_problems(terms.dimensions or {}, meter.terms.group_names, place.at("dimensions"))


def _pricing_problems(override: DatedOverride, contract: Contract, contract_files: ContractFiles) -> Iterator[Problem]:
    terms, place = override.terms, override.place
    for key in ("dimensions", "rate"):
        if getattr(terms, key) is not None:
            yield place.at(key).problem(f"`{key}` does not go with a pricing", "Name the meter instead of the pricing")
    pricing = contract_files.pricings.get(terms.pricing)
    if pricing is None:
        return
    key = pricing.terms.price_key
    for other in PRICE_KEYS:
        if other != key and getattr(terms, other) is not None:
            what = f"`{other}` is no price of pricing `{terms.pricing}` ({pricing.terms.model})"
            yield place.at(other).problem(what, f"Write `{key}`")
    if getattr(terms, key) is None:
        yield place.at(key).problem(f"`{key}` is missing", f"Add `{key}: …`, the price that pricing `{terms.pricing}` has")
    if pricing.terms.meter is None:
        for name in ("effective_from", "effective_to"):
            if isinstance(moment := getattr(terms, name), datetime):
                what = f"`{name}` is an instant ({moment} UTC), and fees are prorated by whole days"
                yield place.at(name).problem(what, "Write a date")
    plan = contract_files.plans.get(contract.plan)
    if plan is not None:
        yield from amount_problem(terms.amount, contract_files.plan_currency(plan.terms), place.at("amount"))


def _scope_problems(override: DatedOverride, contract: Contract, contract_files: ContractFiles) -> Iterator[Problem]:
    """An override of something that no plan in force bills while the override holds."""
    terms, place = override.terms, override.place
    zone = contract_files.zone(contract)
    spans = [
        span
        for span in plan_spans(contract)
        if overlap(
            instant_in(zone, span.start),
            None if span.end is None else instant_in(zone, span.end),
            override.begins(zone),
            override.ends(zone),
        )
    ]
    plans = [span.plan for span in spans]
    billed = contract_files.pricings_of(plans)
    if billed is None or not spans:
        return
    while_it_holds = f"in {listed(dict.fromkeys(plans))}, while the override holds"
    if terms.percent_off is not None and terms.meter in contract_files.meters.stated:
        if not any(pricing.meter == terms.meter for pricing in billed):
            what = f"the override can never apply: no pricing of meter `{terms.meter}` is {while_it_holds}"
            yield place.at("meter").problem(what, "Correct meter or dates")
    elif terms.meter in contract_files.meters.stated and not _has_cards(terms.meter, billed):
        why = f"no pricing of meter `{terms.meter}` has a card and the model per_unit {while_it_holds}"
        yield place.at("meter").problem(
            f"the override can never apply: {why}", "Override the pricing, or correct meter or dates"
        )
    if terms.pricing not in contract_files.pricings.stated:
        return
    if terms.pricing not in {pricing.code for pricing in billed}:
        what = f"the override can never apply: pricing `{terms.pricing}` is not {while_it_holds}"
        yield place.at("pricing").problem(what, "Name a pricing of the contract's plan, or correct the dates")
    elif contract_files.pricings.stated[terms.pricing].terms.model == "one_time" and not _holds_at_start(
        override, contract, contract_files
    ):
        what = f"the override can never apply: `{terms.pricing}` is billed once, on {contract.start_date}, under the first plan"
        yield place.at("pricing").problem(what, "Write it on the contract itself and let it hold from the start")


def _has_cards(meter: str | None, billed: Sequence[Pricing]) -> bool:
    return any(pricing.meter == meter and pricing.model == "per_unit" and pricing.rate_card is not None for pricing in billed)


def _holds_at_start(override: DatedOverride, contract: Contract, contract_files: ContractFiles) -> bool:
    first = contract_files.pricings_of([contract.plan]) or []
    zone = contract_files.zone(contract)
    begins = override.begins(zone) <= instant_in(zone, contract.start_date)
    return begins and override.terms.pricing in {pricing.code for pricing in first}
