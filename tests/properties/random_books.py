"""Random books that are valid: numbers are decimal texts and dates ISO texts, as they would stand in the YAML."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise, product
from typing import Any

from hypothesis import strategies as st

Mapping = dict[str, Any]

MINOR_DIGITS = {"USD": 2, "JPY": 0, "BHD": 3}
# Cairo's clocks change at midnight, Kolkata is half an hour off, Auckland is a day ahead of Havana.
ZONES = ["UTC", "America/New_York", "Asia/Kolkata", "Pacific/Auckland", "Africa/Cairo", "America/Havana"]
AGGREGATIONS = [
    "sum",
    "sum",
    "sum",
    "count",
    "max",
    "min",
    "unique",
    "latest",
    "average",
    "percentile",
    "level",
    "level",
    "counter",
]
MODELS = ["per_unit", "per_unit", "graduated", "volume", "package", "bps"]
GROUP_VALUES = {"region": ["US", "EU", "1"], "tier": ["a", "b"]}
FILTERS: list[Mapping] = [{"in": ["web"]}, {"not_in": ["web", 7]}, {"exists": True}, {"exists": False}]
FILTERS += [{"at_least": "7", "below": "7.5"}, {"above": "6.999999999999", "at_most": "7"}, {"starts_with": "we"}]
FORMULAS = [
    "amount * 2",
    "amount - coalesce(channel, 0)",
    "min(max(amount, 5), 40)",
    "round_up(-amount, 0.7)",
    "amount * amount + channel",
]
FIRST_DAY = date(2026, 1, 1)


# --- numbers and dates ----------------------------------------------------------------------------------------------------------


def text_of(units: int, digits: int) -> str:
    return format(Decimal(units).scaleb(-digits), "f")


def prices() -> st.SearchStrategy[str]:
    """Round prices, sub-cent prices, prices with a long tail, and free."""
    return st.one_of(
        st.sampled_from(["0", "0.10", "0.005", "0.015", "1", "2.5", "0.333333333333"]),
        st.integers(0, 5_000_000).map(lambda units: text_of(units, 6)),
    )


def money(currency: str, most: int = 500) -> st.SearchStrategy[str]:
    digits = MINOR_DIGITS[currency]
    return st.integers(1, most * 10**digits).map(lambda units: text_of(units, digits))


def days(first: date, last: date) -> st.SearchStrategy[str]:
    return st.integers(0, max((last - first).days, 0)).map(lambda n: (first + timedelta(days=n)).isoformat())


# --- meters, cards, pricings, plans ---------------------------------------------------------------------------------------------


@st.composite
def meters(draw: st.DrawFn, code: str) -> Mapping:
    aggregation = draw(st.sampled_from(AGGREGATIONS))
    meter: Mapping = {"code": code, "display_name": f"Meter {code}", "event_name": draw(st.sampled_from(["alpha", "beta"]))}
    meter |= {"aggregation": aggregation, "group_keys": draw(st.sampled_from([[], ["region"], ["region"], ["tier", "region"]]))}
    if aggregation != "count":
        meter["aggregation_key"] = "user" if aggregation == "unique" else "amount"
    if aggregation == "percentile":
        meter["percentile"] = draw(st.sampled_from(["95", "50", "100", "0.1", "99.999"]))
        if draw(st.booleans()):
            meter["interval"] = draw(st.sampled_from(["5m", "720m"]))
    if aggregation == "counter" and draw(st.booleans()):
        meter["from_zero"] = True
    if aggregation not in ("count", "unique") and draw(st.integers(0, 4)) == 4:
        meter["aggregation_key"] = {"formula": draw(st.sampled_from(FORMULAS))}
    if aggregation not in ("count", "unique") and draw(st.integers(0, 4)) == 4:
        meter["round_each"] = draw(st.sampled_from([{"up_to": "6", "minimum": "30"}, {"minimum": "1"}, {"up_to": "0.5"}]))
    if draw(st.integers(0, 6)) == 6:
        meter["filters"] = [{"property": "channel", **draw(st.sampled_from(FILTERS))}]
    return meter


@st.composite
def tiers(draw: st.DrawFn) -> Any:
    bounds = sorted(draw(st.sets(st.integers(1, 400), max_size=2)))
    found: list[Mapping] = [{"up_to": str(bound), "unit_amount": draw(prices())} for bound in bounds]
    found.append({"unit_amount": draw(prices())})
    for tier in found:
        if draw(st.booleans()):
            tier["flat_amount"] = draw(st.sampled_from(["5", "0.5", "12.345"]))
    return found


@st.composite
def entries(draw: st.DrawFn, group_keys: list[str], *, tiered: bool) -> list[Mapping]:
    patterns = list(product(*([*GROUP_VALUES[key], "*"] for key in group_keys)))
    chosen = draw(st.lists(st.sampled_from(patterns), min_size=1, max_size=4, unique=True))
    return [
        {
            "dimensions": dict(zip(group_keys, pattern, strict=True)),
            **({"tiers": draw(tiers())} if tiered else {"rate": draw(prices())}),
        }
        for pattern in chosen
    ]


@st.composite
def rate_cards(draw: st.DrawFn, code: str, meter: Mapping, *, tiered: bool) -> Mapping:
    card = {"code": code, "meter": meter["code"], "per": draw(st.sampled_from(["1", "1", "1000", "3"]))}
    keys = meter["group_keys"]
    if draw(st.booleans()):
        return card | {"entries": draw(entries(keys, tiered=tiered))}
    begins = draw(st.lists(days(FIRST_DAY, FIRST_DAY + timedelta(days=100)), min_size=1, max_size=2, unique=True))
    return card | {
        "versions": [
            {"effective_from": draw(moments(day)), "entries": draw(entries(keys, tiered=tiered))} for day in sorted(begins)
        ]
    }


@st.composite
def metered_pricings(draw: st.DrawFn, code: str, meter: Mapping) -> tuple[Mapping, list[Mapping]]:
    """A pricing of the meter, and the card it needs, if any."""
    model = draw(st.sampled_from(MODELS))
    pricing: Mapping = {"code": code, "name": f"Pricing {code}", "meter": meter["code"], "model": model}
    cards = []
    if model in ("per_unit", "graduated", "volume") and meter["group_keys"] and draw(st.booleans()):
        cards = [draw(rate_cards(f"{code}_CARD", meter, tiered=model != "per_unit"))]
        pricing["rate_card"] = cards[0]["code"]
    elif model in ("per_unit", "graduated", "volume"):
        pricing["per"] = draw(st.sampled_from(["1", "1", "1000", "3"]))
    if model == "volume" and draw(st.booleans()):
        pricing["tier_scope"] = "pricing"
    if model == "package":
        pricing["package_size"] = draw(st.sampled_from(["10", "7", "2.5"]))
    if meter["aggregation"] not in ("sum", "count", "counter") and draw(st.integers(0, 2)) == 0:
        pricing["prorate"] = True
    return pricing | {own_price_key(pricing): draw(own_prices(pricing))}, cards


def own_price_key(pricing: Mapping) -> str:
    """The key under which a pricing, or an override of it, states its price."""
    model = pricing["model"]
    if model == "per_unit":
        return "fallback_rate" if "rate_card" in pricing else "unit_amount"
    return {"graduated": "tiers", "volume": "tiers", "package": "unit_amount", "bps": "bps"}.get(model, "amount")


def own_prices(pricing: Mapping) -> st.SearchStrategy[Any]:
    return tiers() if pricing["model"] in ("graduated", "volume") else prices()


# --- contracts ------------------------------------------------------------------------------------------------------------------


@st.composite
def overrides(draw: st.DrawFn, pricing: Mapping, sections: Mapping, first: date, last: date) -> list[Mapping]:
    """One override of the pricing itself or of a combination it prices, or two that follow each other."""
    target: Mapping
    if "rate_card" in pricing and pricing["model"] == "per_unit" and draw(st.booleans()):
        keys = next(meter["group_keys"] for meter in sections["meters"] if meter["code"] == pricing["meter"])
        dimensions = {key: draw(st.sampled_from([*GROUP_VALUES[key], "*"])) for key in keys}
        target = {"meter": pricing["meter"], "dimensions": dimensions}
        price_key = "rate"
        price: st.SearchStrategy[Any] = prices()
    else:
        target = {"pricing": pricing["code"]}
        price_key, price = own_price_key(pricing), own_prices(pricing)
        if pricing["model"] == "flat":
            price = money(sections["plans"][0]["currency"])
    if "meter" in pricing and draw(st.integers(0, 3)) == 0:
        price_key, price = "percent_off", st.sampled_from(["20", "33.333333333333", "100", "0.5"])
        if draw(st.booleans()):
            keys = next(meter["group_keys"] for meter in sections["meters"] if meter["code"] == pricing["meter"])
            target = {
                "meter": pricing["meter"],
                "dimensions": {key: draw(st.sampled_from([*GROUP_VALUES[key], "*"])) for key in keys},
            }
    if (last - first).days < 3 or draw(st.booleans()):
        return [target | {price_key: draw(price)}]
    cuts = sorted(draw(st.lists(days(first, last), min_size=2, max_size=3, unique=True)))
    if "meter" in pricing:
        cuts = [draw(moments(day)) for day in cuts]
    return [target | {price_key: draw(price), "effective_from": start, "effective_to": end} for start, end in pairwise(cuts)]


def moments(day: str) -> st.SearchStrategy[str]:
    """A day, or an instant of it (R-102)."""
    return st.sampled_from([day, day, f"{day}T00:30:00Z", f"{day}T04:00:00.000001+02:00"])


def pricings_in_every_plan(sections: Mapping) -> list[Mapping]:
    """Those an override can name whatever plan an amendment brings; one-time charges apart, which only the start can override."""
    shared = set.intersection(*(set(plan["pricings"]) for plan in sections["plans"]))
    return [pricing for pricing in sections["pricings"] if pricing["code"] in shared and pricing["model"] != "one_time"]


@st.composite
def contracts(draw: st.DrawFn, contract_id: str, customer: str, sections: Mapping) -> Mapping:
    plan = draw(st.sampled_from(sections["plans"]))
    currency = plan["currency"]
    start = FIRST_DAY + timedelta(days=draw(st.integers(0, 45)))
    contract = {
        "id": contract_id,
        "customer": customer,
        "plan": plan["code"],
        "start_date": start.isoformat(),
        "status": "approved",
    }
    contract["timezone"] = draw(st.sampled_from(ZONES))
    last = start + timedelta(days=110)
    if draw(st.integers(0, 2)) == 0:
        last = start + timedelta(days=draw(st.integers(5, 100)))
        contract["end_date"] = last.isoformat()
    if plan["billing_frequency"] != "weekly" and draw(st.booleans()):
        contract["billing_anchor"] = draw(st.sampled_from([1, 15, 28, 29, 30, 31]))
        if plan["billing_frequency"] not in ("weekly", "monthly") and draw(st.booleans()):
            contract["billing_anchor"] = draw(st.sampled_from(["01-01", "02-29", "04-06", "12-31"]))
    for term, value in (("base_fee", money(currency)), ("minimum_spend", money(currency)), ("net_terms", st.integers(0, 60))):
        if draw(st.integers(0, 2)) == 0:
            contract[term] = draw(value)
    contract |= draw(in_advance())
    if draw(st.integers(0, 3)) == 0:
        contract["maximum_spend"] = format(Decimal(contract.get("minimum_spend", "0")) + Decimal(draw(money(currency))), "f")
    if draw(st.integers(0, 3)) == 0:
        begins, ends = sorted(draw(st.lists(days(start, last), min_size=2, max_size=2, unique=True)))
        contract["commitments"] = [{"id": "year", "amount": draw(money(currency)), "from": begins, "to": ends}]
        if draw(st.booleans()):
            contract["commitments"][0]["meters"] = [draw(st.sampled_from(sections["meters"]))["code"]]
    if draw(st.integers(0, 2)) == 0:
        on = days(start, last - timedelta(days=1))
        contract["charges"] = [
            {"id": f"ch_{n}", "name": "Setup", "amount": draw(money(currency)), "on": draw(on), "reason": "agreed"}
            for n in range(draw(st.integers(1, 2)))
        ]
    candidates = pricings_in_every_plan(sections)
    if draw(st.booleans()) and candidates:
        overridden = draw(
            st.lists(st.sampled_from(candidates), min_size=1, max_size=2, unique_by=lambda pricing: pricing.get("meter"))
        )
        contract["rate_overrides"] = [
            entry for pricing in overridden for entry in draw(overrides(pricing, sections, start, last))
        ]
    if draw(st.integers(0, 3)) == 0:
        whole = {
            "plan": True,
            "percent_off": draw(st.sampled_from(["10", "7.5"])),
            "effective_from": draw(days(start, last - timedelta(days=1))),
        }
        contract["rate_overrides"] = [*contract.get("rate_overrides", []), whole]
    if draw(st.integers(0, 3)) == 0:
        other = "cust_2" if customer == "cust_1" else "cust_1"
        covered = draw(st.lists(days(start, last), min_size=2, max_size=2, unique=True))
        contract["covers"] = [draw(st.sampled_from([other, {"customer": other, "from": min(covered), "to": max(covered)}]))]
    dates = draw(st.lists(days(start + timedelta(days=1), last - timedelta(days=1)), max_size=2, unique=True))
    contract["amendments"] = [draw(amendments(day, sections)) for day in sorted(dates)]
    if "maximum_spend" in contract:  # which no minimum may be above
        for amendment in contract["amendments"]:
            amendment |= {"minimum_spend": None} if "minimum_spend" in amendment else {}
    return contract


def in_advance() -> st.SearchStrategy[Mapping]:
    """Fees in advance (R-104), of one in four."""
    return st.sampled_from([{}, {}, {}, {"billing": "in_advance"}])


@st.composite
def amendments(draw: st.DrawFn, day: str, sections: Mapping) -> Mapping:
    currency = sections["plans"][0]["currency"]
    terms = {
        "billing": st.sampled_from([None, "in_advance", "in_arrears"]),
        "plan": st.sampled_from([plan["code"] for plan in sections["plans"]]),
        "base_fee": st.one_of(st.none(), money(currency)),
        "minimum_spend": st.one_of(st.none(), money(currency)),
        "net_terms": st.integers(0, 60),
    }
    named = draw(st.lists(st.sampled_from(sorted(terms)), min_size=1, max_size=3, unique=True))
    return {"effective_date": day, **{term: draw(terms[term]) for term in named}}


@st.composite
def credit_grants(draw: st.DrawFn, grant_id: str, contract: Mapping, sections: Mapping) -> Mapping:
    currency = sections["plans"][0]["currency"]
    grant: Mapping = {"id": grant_id, "contract": contract["id"], "kind": draw(st.sampled_from(["prepaid", "promotional"]))}
    if draw(st.integers(0, 3)) == 0:
        rate = text_of(1, MINOR_DIGITS[currency])
        grant |= {"credits": str(draw(st.integers(1, 50_000))), "credit_rate": rate}
    else:
        grant["amount"] = draw(money(currency, most=300))
        if grant["kind"] == "prepaid" and draw(st.booleans()):
            grant["price"] = draw(money(currency, most=300))
    start = date.fromisoformat(contract["start_date"])
    last = date.fromisoformat(contract.get("end_date") or (start + timedelta(days=110)).isoformat())
    effective = start + timedelta(days=draw(st.integers(0, (last - start).days - 1)))
    if draw(st.booleans()):
        grant["effective_at"] = effective.isoformat()
    elif draw(st.booleans()):
        effective += timedelta(days=2)
        grant["effective_at"] = f"{effective.isoformat()}T09:30:00Z" if effective < last else start.isoformat()
    begins = date.fromisoformat(str(grant.get("effective_at", contract["start_date"]))[:10])
    if draw(st.booleans()):
        grant["expires_at"] = (begins + timedelta(days=draw(st.integers(2, 90)))).isoformat()
    if draw(st.integers(0, 2)) == 0:
        grant.pop("expires_at", None)
        grant |= draw(recurrence(currency, begins))
    billed = sorted({p["meter"] for p in pricings_in_every_plan(sections) if "meter" in p})
    if billed and draw(st.integers(0, 2)) == 0:
        grant["applies_to"] = [draw(st.sampled_from(billed))]
    if draw(st.integers(0, 2)) == 0:
        grant["covers"] = "all"
    if draw(st.integers(0, 2)) == 0:
        grant["priority"] = str(draw(st.integers(-1, 2)))
    return grant


@st.composite
def recurrence(draw: st.DrawFn, currency: str, begins: date) -> Mapping:
    """A grant a billing period (R-111), most of them leaving something to the next."""
    again: Mapping = {"every": "period"}
    if draw(st.booleans()):
        again["times"] = str(draw(st.integers(1, 6)))
    else:
        again["until"] = (begins + timedelta(days=draw(st.integers(1, 120)))).isoformat()
    if draw(st.integers(0, 2)) == 0:
        again["periods"] = "2"
    if draw(st.integers(0, 3)):
        again["rollover"] = {"maximum": draw(money(currency, most=200))}
        if draw(st.booleans()):
            again["rollover"]["again"] = True
    return again


# --- books ----------------------------------------------------------------------------------------------------------------------


@st.composite
def books(draw: st.DrawFn) -> Mapping:
    """Valid books: one to three meters, up to two plans of one currency, one to three contracts of two customers."""
    currency = draw(st.sampled_from(sorted(MINOR_DIGITS)))
    settings = {
        "organization": "Random",
        "currency": currency,
        "grace_days": draw(st.integers(0, 4)),
        "rerate_days": draw(st.integers(10, 90)),
    }
    sections: Mapping = {"settings": settings, "rate_cards": [], "pricings": []}
    sections["meters"] = [draw(meters(f"M{n}")) for n in range(draw(st.integers(1, 3)))]
    for n in range(draw(st.integers(2, 5))):
        pricing, cards = draw(metered_pricings(f"P{n}", draw(st.sampled_from(sections["meters"]))))
        sections["pricings"].append(pricing)
        sections["rate_cards"] += cards
    for model in draw(st.lists(st.sampled_from(["flat", "one_time"]), max_size=2, unique=True)):
        fee = {"code": model.upper(), "name": model, "model": model, "amount": draw(money(currency))}
        sections["pricings"].append(fee | (draw(in_advance()) if model == "flat" else {}))
    frequency = draw(st.sampled_from(["monthly", "monthly", "monthly", "weekly", "quarterly"]))
    codes = [pricing["code"] for pricing in sections["pricings"]]
    sections["plans"] = [
        {
            "code": f"plan_{n}",
            "name": f"Plan {n}",
            "currency": currency,
            "billing_frequency": frequency,
            "base_fee": draw(st.one_of(st.just("0"), money(currency))),
            "pricings": draw(st.one_of(st.permutations(codes), st.lists(st.sampled_from(codes), min_size=1, unique=True))),
            "net_terms": 30,
            "status": "active",
            **draw(in_advance()),
        }
        for n in range(draw(st.integers(1, 2)))
    ]
    sections["customers"] = [{"id": "cust_1", "external_id": "one", "name": "One"}, {"id": "cust_2", "name": "Two"}]
    owners = draw(st.lists(st.sampled_from(["cust_1", "cust_2"]), min_size=1, max_size=3))
    sections["contracts"] = [draw(contracts(f"contract_{n}", owner, sections)) for n, owner in enumerate(owners, 1)]
    sections["credit_grants"] = [
        draw(credit_grants(f"grant_{n}", draw(st.sampled_from(sections["contracts"])), sections))
        for n in range(draw(st.integers(0, 4)))
    ]
    return sections
