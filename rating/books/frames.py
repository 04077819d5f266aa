"""Contract files to frames: BOOKS_TABLES, one function a frame, rows in key order.

Called only with contract files that have no problem, so nothing here asks whether a reference holds.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import polars as pl

from rating import tables
from rating.books.computed import group_properties, prefix_rows, quantity_property
from rating.books.contract_files import ContractFiles
from rating.books.currencies import MINOR_DIGITS
from rating.books.models import ONE, Filter, Pricing, RateOverride, Tier
from rating.books.recurring_grants import single_grants
from rating.books.resolved_terms import contract_terms, dated_grants, dated_overrides, instant_in
from rating.books.tier_sets import TierSets
from rating.catalog import OF_CONTRACTS

_BASIS_POINTS = Decimal(10_000)
# where the key is not the order to read in; entries keep the order of their card
_ORDER = {
    "plan_pricings": ("plan_code", "pricing_order"),
    "rate_card_entries": ("rate_card_code", "effective_from", "starts_at"),
}


def frames_of(contract_files: ContractFiles) -> dict[str, pl.DataFrame]:
    """Every frame of the books by its table's name, each as `tables.BOOKS_TABLES` declares it."""
    tier_sets = TierSets(_stated_tiers(contract_files))
    rows: dict[str, Iterable[dict[str, Any]]] = {
        "meters": _meters(contract_files),
        "meter_filters": _meter_filters(contract_files),
        "prefixes": prefix_rows(contract_files),
        "rate_cards": _rate_cards(contract_files),
        "rate_card_entries": _rate_card_entries(contract_files, tier_sets),
        "pricings": _pricings(contract_files, tier_sets),
        "plans": _plans(contract_files),
        "plan_pricings": _plan_pricings(contract_files),
    }
    return {**_frames(rows), **frames_of_agreements(contract_files, tier_sets), "tier_sets": tier_sets.frame()}


def frames_of_agreements(
    contract_files: ContractFiles, tier_sets: TierSets, names: Collection[str] = ("customers", *OF_CONTRACTS)
) -> dict[str, pl.DataFrame]:
    """The frames of what is agreed with one customer or another, by their tables' names; some or all."""
    contracts = _frame(tables.CONTRACTS, [*_contracts(contract_files)])
    rows: dict[str, Iterable[dict[str, Any]]] = {
        "customers": _customers(contract_files),
        "contract_terms": _contract_terms(contract_files),
        "rate_overrides": _rate_overrides(contract_files, tier_sets),
        "credit_grants": _credit_grants(contract_files, contracts),
        "manual_charges": _manual_charges(contract_files),
        "commitments": _commitments(contract_files),
        "covered_customers": _covered_customers(contract_files),
    }
    found = {**_frames({name: of_table for name, of_table in rows.items() if name in names}), "contracts": contracts}
    return {name: found[name] for name in names}


def spliced(table: tables.Table, before: pl.DataFrame, column: str, codes: Sequence[str], rows: pl.DataFrame) -> pl.DataFrame:
    """A frame of the books with these rows in the place of all that have one of some codes; rows are in order."""
    if table.key[0] != column or len(codes) != 1:
        others = before.filter(~pl.col(column).is_in(codes)) if codes else before
        return pl.concat([others, rows]).sort(table.key, maintain_order=True)
    [code], known = codes, before.get_column(column)
    first, end = known.search_sorted(code, "left"), known.search_sorted(code, "right")
    return pl.concat([before[:first], rows, before[end:]], rechunk=True)


def _frames(rows: Mapping[str, Iterable[dict[str, Any]]]) -> dict[str, pl.DataFrame]:
    return {table.name: _frame(table, [*rows[table.name]]) for table in tables.BOOKS_TABLES if table.name in rows}


def _frame(table: tables.Table, rows: Sequence[dict[str, Any]]) -> pl.DataFrame:
    by = _ORDER.get(table.name, table.key)
    if not rows:
        return pl.DataFrame(schema=table.schema)
    columns = {name: pl.Series(name, [row[name] for row in rows], dtype=dtype) for name, dtype in table.schema.items()}
    return table.require(pl.DataFrame(columns).sort(by, nulls_last=False, maintain_order=True))


def _stated_tiers(contract_files: ContractFiles) -> Iterator[Sequence[Tier]]:
    for pricing in contract_files.pricings.values():
        yield pricing.terms.tiers or []
    for card_version in contract_files.rate_card_versions:
        for entry in card_version.entries:
            yield entry.terms.tiers or []
    yield from tiers_of_contracts(contract_files)


def tiers_of_contracts(contract_files: ContractFiles) -> Iterator[Sequence[Tier]]:
    for contract in contract_files.contracts.values():
        if contract.terms.rate_overrides or contract.terms.amendments:
            for override in dated_overrides(contract):
                yield override.terms.tiers or []


def _meters(contract_files: ContractFiles) -> Iterator[dict[str, Any]]:
    for meter in contract_files.meters.values():
        terms, events = meter.terms, meter.terms.event_filter
        yield {
            "meter_code": terms.code,
            "display_name": terms.display_name or terms.code,
            "aggregation": terms.aggregation,
            "aggregation_key": None if terms.aggregation_key is None else str(terms.aggregation_key),
            "group_keys": terms.group_names,
            "quantity_property": quantity_property(terms),
            "group_properties": group_properties(terms, contract_files),
            "include_events": [terms.event_name] if events is None else events.include,
            "exclude_events": [] if events is None else events.exclude or [],
            "status": terms.status,
            "percentile": terms.percentile,
            "interval_seconds": terms.interval,
            "from_zero": terms.from_zero or False,
        }


def _meter_filters(contract_files: ContractFiles) -> Iterator[dict[str, Any]]:
    for meter in contract_files.meters.values():
        conditions = [found for condition in meter.terms.filters for found in _conditions(condition)]
        for filter_no, (name, operator, values) in enumerate(conditions):
            yield {
                "meter_code": meter.terms.code,
                "filter_no": filter_no,
                "property": name,
                "operator": operator,
                "values": values,
            }


LIMITS = ("above", "at_least", "below", "at_most")


def _conditions(condition: Filter) -> Iterator[tuple[str, str, Sequence[str]]]:
    """A filter may say several things of one property; each becomes a row, and all must hold."""
    if condition.within is not None:
        yield condition.property, "in", condition.within
    if condition.not_in is not None:
        yield condition.property, "not_in", condition.not_in
    if condition.exists is not None:
        yield condition.property, "exists" if condition.exists else "not_exists", []
    for operator in LIMITS:
        if (limit := getattr(condition, operator)) is not None:
            yield condition.property, operator, [f"{limit:f}"]
    if condition.starts_with is not None:
        yield condition.property, "starts_with", [condition.starts_with]


def _rate_cards(contract_files: ContractFiles) -> Iterator[dict[str, Any]]:
    for card_version in contract_files.rate_card_versions:
        card = card_version.card.terms
        yield {
            "rate_card_code": card.code,
            "meter_code": card.meter,
            "effective_from": _day(card_version.effective_from),
            "starts_at": _instant(card_version.effective_from),
        }


def _rate_card_entries(contract_files: ContractFiles, tier_sets: TierSets) -> Iterator[dict[str, Any]]:
    for card_version in contract_files.rate_card_versions:
        group_keys = contract_files.meters.stated[card_version.card.terms.meter].terms.group_names
        for entry in card_version.entries:
            yield {
                "rate_card_code": card_version.card.terms.code,
                "effective_from": _day(card_version.effective_from),
                "starts_at": _instant(card_version.effective_from),
                "group_values": [entry.terms.dimensions[key] for key in group_keys],
                "unit_amount": entry.terms.rate,
                "tier_set_id": tier_sets.id_of(entry.terms.tiers),
                "place": str(entry.place),
            }


def _pricings(contract_files: ContractFiles, tier_sets: TierSets) -> Iterator[dict[str, Any]]:
    for pricing in contract_files.pricings.values():
        terms = pricing.terms
        yield {
            "pricing_code": terms.code,
            "name": terms.name or terms.code,
            "model": terms.model,
            "meter_code": terms.meter,
            "rate_card_code": terms.rate_card,
            "tier_scope": terms.tier_scope or "combination",
            "per": _per(terms, contract_files),
            "unit_amount": None if terms.tiered else getattr(terms, terms.price_key),
            "tier_set_id": tier_sets.id_of(terms.tiers),
            "place": str(pricing.place),
            "in_advance": terms.billing == "in_advance",
            "prorate": terms.prorate,
        }


def _per(pricing: Pricing, contract_files: ContractFiles) -> Decimal:
    """How many units the price buys: the model's own measure, else what is written, else the card's."""
    if pricing.model == "bps":
        return _BASIS_POINTS
    if pricing.rate_card is not None:
        return contract_files.rate_cards.stated[pricing.rate_card].terms.per
    return pricing.package_size or pricing.per or ONE


def _plans(contract_files: ContractFiles) -> Iterator[dict[str, Any]]:
    for plan in contract_files.plans.values():
        currency = contract_files.plan_currency(plan.terms) or ""
        yield {
            "plan_code": plan.terms.code,
            "name": plan.terms.name or plan.terms.code,
            "currency": currency,
            "minor_digits": MINOR_DIGITS[currency],
            "billing_frequency": plan.terms.billing_frequency,
            "status": plan.terms.status,
            "is_self_serve": plan.terms.self_serve,
            "base_fee": plan.terms.base_fee,
            "net_terms": plan.terms.net_terms,
            "maximum_spend": plan.terms.maximum_spend,
            "is_in_advance": plan.terms.billing == "in_advance",
        }


def _plan_pricings(contract_files: ContractFiles) -> Iterator[dict[str, Any]]:
    for plan in contract_files.plans.values():
        for pricing_order, code in enumerate(plan.terms.pricings):
            yield {"plan_code": plan.terms.code, "pricing_order": pricing_order, "pricing_code": code}


def _customers(contract_files: ContractFiles) -> Iterator[dict[str, Any]]:
    for customer in contract_files.customers.values():
        terms = customer.terms
        yield {
            "customer_id": terms.id,
            "external_id": terms.external_id,
            "name": terms.name,
            "legal_name": terms.legal_name,
            "billing_address": terms.billing_address,
            "contacts": terms.contacts,
        }


def _contracts(contract_files: ContractFiles) -> Iterator[dict[str, Any]]:
    for contract in contract_files.contracts.values():
        terms = contract.terms
        plan = contract_files.plans.stated[terms.plan].terms
        currency = contract_files.plan_currency(plan) or ""
        yield {
            "contract_id": terms.id,
            "customer_id": terms.customer,
            "currency": currency,
            "minor_digits": MINOR_DIGITS[currency],
            "billing_frequency": plan.billing_frequency,
            "start_date": terms.start_date,
            "end_date": terms.end_date,
            "billing_anchor": terms.billing_anchor.day if terms.billing_anchor else terms.start_date.day,
            "anchor_month": terms.billing_anchor.month if terms.billing_anchor else None,
            "timezone": contract_files.zone(terms),
            "status": terms.status,
            "place": str(contract.place),
        }


def _contract_terms(contract_files: ContractFiles) -> Iterator[dict[str, Any]]:
    for contract in contract_files.contracts.values():
        yield from contract_terms(contract.terms, contract_files.plans.stated)


def _rate_overrides(contract_files: ContractFiles, tier_sets: TierSets) -> Iterator[dict[str, Any]]:
    for contract in contract_files.contracts.values():
        if not contract.terms.rate_overrides and not contract.terms.amendments:
            continue
        for override_no, override in enumerate(dated_overrides(contract)):
            terms = override.terms
            yield {
                "contract_id": contract.terms.id,
                "override_no": override_no,
                "meter_code": terms.meter,
                "group_values": _group_values(terms, contract_files),
                "pricing_code": terms.pricing,
                "unit_amount": _override_price(terms, contract_files),
                "tier_set_id": tier_sets.id_of(terms.tiers),
                "effective_from": _day(override.effective_from),
                "effective_to": _day(override.effective_to),
                "starts_at": _instant(override.effective_from),
                "ends_at": _instant(override.effective_to),
                "place": str(override.place),
                "percent_off": terms.percent_off,
            }


def _day(moment: date | datetime | None) -> date | None:
    """The day itself, or the UTC day of an instant."""
    return moment.date() if isinstance(moment, datetime) else moment


def _instant(moment: date | datetime | None) -> datetime | None:
    return moment if isinstance(moment, datetime) else None


def _group_values(override: RateOverride, contract_files: ContractFiles) -> list[str | None] | None:
    if override.meter is None:
        return None
    dimensions: Mapping[str, str | None] = override.dimensions or {}
    return [dimensions[key] for key in contract_files.meters.stated[override.meter].terms.group_names]


def _override_price(override: RateOverride, contract_files: ContractFiles) -> Decimal | None:
    if override.pricing is None or override.percent_off is not None:
        return override.rate
    pricing = contract_files.pricings.stated[override.pricing].terms
    return None if pricing.tiered else getattr(override, pricing.price_key)


def _manual_charges(contract_files: ContractFiles) -> Iterator[dict[str, Any]]:
    for contract in contract_files.contracts.values():
        for position, charge in enumerate(contract.terms.charges):
            yield {
                "contract_id": contract.terms.id,
                "charge_id": charge.id,
                "name": charge.name,
                "amount": charge.amount,
                "charged_on": charge.on,
                "reason": charge.reason,
                "place": str(contract.place.at("charges", position)),
            }


def _commitments(contract_files: ContractFiles) -> Iterator[dict[str, Any]]:
    for contract in contract_files.contracts.values():
        for position, commitment in enumerate(contract.terms.commitments):
            yield {
                "contract_id": contract.terms.id,
                "commitment_id": commitment.id,
                "amount": commitment.amount,
                "from_date": commitment.begins,
                "to_date": commitment.to,
                "meters": None if commitment.meters is None else [*commitment.meters],
                "place": str(contract.place.at("commitments", position)),
            }


def _covered_customers(contract_files: ContractFiles) -> Iterator[dict[str, Any]]:
    for contract in contract_files.contracts.values():
        zone = contract_files.zone(contract.terms)
        for position, covered in enumerate(contract.terms.covers):
            yield {
                "contract_id": contract.terms.id,
                "customer_id": covered.customer,
                "starts_at": instant_in(zone, covered.begins or contract.terms.start_date),
                "ends_at": None if covered.to is None else instant_in(zone, covered.to),
                "place": str(contract.place.at("covers", position)),
            }


def _credit_grants(contract_files: ContractFiles, contracts: pl.DataFrame) -> Iterator[dict[str, Any]]:
    once = {grant.terms.id: grant for grant in reversed([*contract_files.grants])}
    for single in single_grants(dated_grants(contract_files, [*once.values()]), contracts):
        terms = single.grant.terms
        again = terms.recurrence if single.rolls_into is not None else None
        yield {
            "grant_id": single.grant_id,
            "contract_id": terms.contract_id,
            "kind": terms.kind,
            "amount": terms.amount,
            "credits": terms.credits,
            "credit_rate": terms.credit_rate,
            "price": terms.price,
            "effective_at": single.effective_at,
            "expires_at": single.expires_at,
            "applies_to": None if terms.applies_to is None else [*terms.applies_to],
            "place": str(single.grant.stated.place),
            "priority": terms.priority,
            "covers_fees": terms.covers == "all",
            "rolls_into": single.rolls_into,
            "rollover_maximum": None if again is None else again.rollover,
            "rolls_again": None if again is None else again.again,
        }
