"""Small books for the worked examples, as the mapping that their YAML would parse to."""

from __future__ import annotations

from typing import Any

Mapping = dict[str, Any]
Rates = dict[tuple[str, ...], str]

FROM_NEW_YEAR = {"plan": "plan", "start_date": "2026-01-01", "status": "approved"}
REGIONS_AND_OUTCOMES = ("region", "call_outcome")


def card_entries(group_keys: tuple[str, ...], rates: Rates) -> list[Mapping]:
    return [{"dimensions": dict(zip(group_keys, values, strict=True)), "rate": rate} for values, rate in rates.items()]


def meter(
    code: str, event_name: str, *, name: str | None = None, key: str | None = None, group_keys: tuple[str, ...] = ()
) -> Mapping:
    """A sum meter over `key`, or a count meter without one."""
    aggregation: Mapping = {"aggregation": "sum", "aggregation_key": key} if key else {"aggregation": "count"}
    found = {"code": code, "display_name": name or code, "event_name": event_name, **aggregation}
    return found | ({"group_keys": list(group_keys)} if group_keys else {})


def books(
    *,
    meters: list[Mapping],
    pricings: list[Mapping],
    rate_cards: list[Mapping] | None = None,
    base_fee: str = "0",
    frequency: str = "monthly",
    contracts: list[Mapping] | None = None,
    credit_grants: list[Mapping] | None = None,
) -> Mapping:
    """One plan with all the pricings; by default one contract of one customer from 2026-01-01 on."""
    contracts = contracts or [{}]
    return {
        "settings": {"organization": "Example", "currency": "USD", "timezone": "UTC", "grace_days": 3, "rerate_days": 90},
        "meters": meters,
        "rate_cards": rate_cards or [],
        "pricings": [{"name": pricing["code"], **pricing} for pricing in pricings],
        "plans": [
            {
                "code": "plan",
                "name": "Plan",
                "currency": "USD",
                "billing_frequency": frequency,
                "base_fee": base_fee,
                "pricings": [pricing["code"] for pricing in pricings],
                "net_terms": 30,
                "status": "active",
            }
        ],
        "customers": [{"id": f"cust_{n}", "name": f"Customer {n}"} for n, _ in enumerate(contracts, 1)],
        "contracts": [
            {"id": f"contract_{n}", "customer": f"cust_{n}", **FROM_NEW_YEAR, **contract}
            for n, contract in enumerate(contracts, 1)
        ],
        "credit_grants": [{"contract": "contract_1", **grant} for grant in credit_grants or []],
    }


def ai_call_books(*, aggregation_key: str | None = None, rates: Rates, fallback: str, **others: Any) -> Mapping:
    return books(
        meters=[meter("AI_CALL", "ai_call", name="AI Calls", key=aggregation_key, group_keys=REGIONS_AND_OUTCOMES)],
        rate_cards=[{"code": "AI_CALL_STANDARD", "meter": "AI_CALL", "entries": card_entries(REGIONS_AND_OUTCOMES, rates)}],
        pricings=[
            {
                "code": "AI_CALL_PRICING",
                "meter": "AI_CALL",
                "model": "per_unit",
                "rate_card": "AI_CALL_STANDARD",
                "fallback_rate": fallback,
            }
        ],
        **others,
    )


def one_pricing(pricing: Mapping, **others: Any) -> Mapping:
    """A sum meter over `units` with one pricing."""
    pricing = {"code": "PRICING", **pricing}
    meters = [meter("UNITS", "used", name="Units", key="units")] if "meter" in pricing else []
    return books(meters=meters, pricings=[pricing], **others)
