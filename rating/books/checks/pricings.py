"""Pricings: the keys of each model, its card, and its fallback."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from rating.books.checks.tiers import tier_problems
from rating.books.contract_files import ContractFiles, RateCardVersion
from rating.books.models import PRICING_MODELS, Pricing, RateCard
from rating.books.problems import Problem, listed
from rating.books.source_locations import Located, SourceLocation
from rating.vocabulary import WINDOWED


def pricing_problems(contract_files: ContractFiles) -> Iterator[Problem]:
    rate_card_versions: dict[str, list[RateCardVersion]] = defaultdict(list)
    for card_version in contract_files.rate_card_versions:
        rate_card_versions[card_version.card.terms.code].append(card_version)
    for pricing in contract_files.pricings.values():
        terms, place = pricing.terms, pricing.place
        yield from contract_files.meters.unknown(terms.meter, place.at("meter"))
        yield from contract_files.rate_cards.unknown(terms.rate_card, place.at("rate_card"))
        yield from _key_problems(terms, place)
        meter = contract_files.meters.get(terms.meter)
        if terms.prorate and meter is not None and meter.terms.aggregation in WINDOWED:
            what = f"`{meter.terms.code}` adds up, so a part of a period has its own part of the quantity already"
            yield place.at("prorate").problem(what, "Take `prorate` out")
        if terms.tiers is not None:
            yield from tier_problems(terms.tiers, place.at("tiers"))
        card = contract_files.rate_cards.get(terms.rate_card)
        if card is not None:
            yield from _card_problems(terms, place, card)
            yield from _kind_problems(terms, rate_card_versions[card.terms.code])


def _key_problems(pricing: Pricing, place: SourceLocation) -> Iterator[Problem]:
    """Keys that the model needs and lacks, or has and does not take."""
    keys = PRICING_MODELS[pricing.model]
    given = {key for key in pricing.model_fields_set if getattr(pricing, key) is not None} - {"code", "name", "model"}
    takes = {*keys.needed, *keys.possible, pricing.price_key}
    for key in sorted(given - takes):
        if key == "unit_amount" and pricing.price_key == "fallback_rate":
            fix = "Write it as `fallback_rate`: with a card, that is the price where no entry matches"
        elif key == "fallback_rate" and pricing.price_key == "unit_amount":
            fix = "Write it as `unit_amount`, or add the `rate_card` that it is the fallback of"
        else:
            fix = f"Take it out; {pricing.model} takes {listed(sorted(takes))}"
        yield place.at(key).problem(f"`{key}` does not belong to the model {pricing.model}", fix)
    for key in sorted(keys.needed - given):
        yield place.at(key).problem(f"`{key}` is missing: {pricing.model} needs it", f"Add `{key}: …`")
    if pricing.price_key not in given:
        what = f"`{pricing.price_key}` is missing: {pricing.model} needs it"
        if pricing.rate_card is not None and (pricing.model == "per_unit" or pricing.tiered):
            what = f"a card without a fallback: `{pricing.price_key}` is missing, the price where no entry matches"
        yield place.at(pricing.price_key).problem(what, f"Add `{pricing.price_key}: …`")


def _card_problems(pricing: Pricing, place: SourceLocation, card: Located[RateCard]) -> Iterator[Problem]:
    if pricing.meter is not None and card.terms.meter != pricing.meter:
        what = f"card `{card.terms.code}` prices the meter `{card.terms.meter}`, this pricing `{pricing.meter}`"
        yield place.at("rate_card").problem(what, "Name a card of the pricing's own meter")
    if pricing.per is not None and pricing.per != card.terms.per:
        what = f"`per` is {pricing.per:f}, but that of its card is {card.terms.per:f} ({card.place})"
        yield place.at("per").problem(what, f"Take it out, or write {card.terms.per:f}")


def _kind_problems(pricing: Pricing, rate_card_versions: Sequence[RateCardVersion]) -> Iterator[Problem]:
    """Entries that hold tiers where the pricing wants rates, or the reverse; the first of each version speaks for all."""
    wants, other = ("tiers", "rate") if pricing.tiered else ("rate", "tiers")
    for card_version in rate_card_versions:
        strange = [entry for entry in card_version.entries if getattr(entry.terms, other) is not None]
        if strange:
            what = f"the entry has `{other}`, but pricing `{pricing.code}` ({pricing.model}) wants `{wants}`"
            more = f" ({len(strange)} entries of this card)" if len(strange) > 1 else ""
            yield strange[0].place.problem(what + more, f"Write `{wants}`, or name another card in the pricing")
