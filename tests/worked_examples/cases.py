"""The worked examples of the model product's documentation as data: books, events, and what must come out.

The names A1, B2, P3, K12 ... are those under which the examples are collected in the project's reference notes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tests.worked_examples.books import Mapping, Rates, ai_call_books, books, card_entries, meter, one_pricing

DURING = datetime.fromisoformat("2026-01-10T12:00")
AFTER_THE_FIRST_MONTH = datetime.fromisoformat("2026-02-10")


@dataclass(frozen=True)
class Case:
    """Events and books of one example; `expects` maps a contract to the lines of its first period invoice that are not 0.

    A line is description, quantity, amount. `totals`, where given, say what is due after credits, and `ledger` lists
    grant, type, amount, credits and balance of every entry. `invoices` counts the period invoices of the first contract.
    """

    name: str
    books: Mapping
    events: list[Mapping] = field(default_factory=list)
    as_of: datetime = AFTER_THE_FIRST_MONTH
    expects: dict[str, list[tuple[str, str, str]]] = field(default_factory=dict)
    totals: dict[str, str] = field(default_factory=dict)
    ledger: list[tuple[str, str, str, str | None, str]] | None = None
    initial_total: str | None = None
    invoices: int | None = None


def landed(events: list[Mapping]) -> list[Mapping]:
    """Events as they stand in raw_events: one file, positions in order, received when they happened."""
    return [
        {
            "customer_id": "cust_1",
            "timestamp": DURING,
            "received_at": event.get("timestamp", DURING),
            "landed": event.get("timestamp", DURING),
            "file": "events.ndjson",
            "position": position,
            "element": 0,
            "batch": 1,
            "idempotency_key": None,
            "tombstone": False,
            "properties": {},
            **event,
        }
        for position, event in enumerate(events, 1)
    ]


def calls(region: str | None, outcome: str | None, count: int, **event: Any) -> list[Mapping]:
    properties = {key: value for key, value in (("region", region), ("call_outcome", outcome)) if value is not None}
    return [{"event_name": "ai_call", "properties": {**properties, "duration_minutes": 1}, **event}] * count


def used(units: str, **properties: str) -> list[Mapping]:
    return [{"event_name": "used", "properties": {"units": units, **properties}}]


# --- dimensional pricing --------------------------------------------------------------------------------------------------------

PER_CALL: Rates = {
    ("US", "resolved"): "2.00",
    ("US", "transferred"): "4.00",
    ("US", "escalated"): "6.00",
    ("EU", "resolved"): "2.50",
    ("EU", "transferred"): "5.00",
    ("EU", "escalated"): "7.50",
    ("APAC", "resolved"): "3.00",
    ("APAC", "transferred"): "6.00",
    ("APAC", "escalated"): "9.00",
}
PER_MINUTE: Rates = {
    ("US", "resolved"): "0.20",
    ("US", "transferred"): "0.40",
    ("US", "escalated"): "0.60",
    ("EU", "resolved"): "0.25",
    ("EU", "transferred"): "0.50",
    ("EU", "escalated"): "0.75",
    ("APAC", "resolved"): "3.00",
    ("APAC", "transferred"): "0.60",
    ("APAC", "escalated"): "0.90",
}
THE_425_CALLS = [
    *calls("US", "resolved", 60),
    *calls("US", "transferred", 30),
    *calls("US", "escalated", 10),
    *calls("EU", "resolved", 50),
]
THE_425_LINES = [
    ("AI Calls - EU / Resolved", "50", "125.00"),
    ("AI Calls - US / Escalated", "10", "60.00"),
    ("AI Calls - US / Resolved", "60", "120.00"),
    ("AI Calls - US / Transferred", "30", "120.00"),
]

DIMENSIONAL = [
    Case(
        "A1 counted calls",
        ai_call_books(rates=PER_CALL, fallback="4.00"),
        landed(THE_425_CALLS),
        expects={"contract_1": THE_425_LINES},
        totals={"contract_1": "425.00"},
    ),
    Case(
        "A1 the same, summed",
        ai_call_books(aggregation_key="duration_minutes", rates=PER_CALL, fallback="4.00"),
        landed(THE_425_CALLS),
        expects={"contract_1": THE_425_LINES},
        totals={"contract_1": "425.00"},
    ),
    Case(
        "A2 misspelt property names",
        ai_call_books(rates=PER_CALL, fallback="4.00"),
        landed([{"event_name": "ai_call", "properties": {"Region": "US", "callOutcome": "resolved"}}]),
        expects={"contract_1": [("AI Calls - (none) / (none)", "1", "4.00")]},
    ),
    Case(
        "A3 values in another case",
        ai_call_books(rates=PER_CALL, fallback="4.00"),
        landed(calls("us", "resolved", 1)),
        expects={"contract_1": [("AI Calls - Us / Resolved", "1", "4.00")]},
    ),
    Case(
        "A4 one dimension missing",
        ai_call_books(rates=PER_CALL, fallback="4.00"),
        landed(calls("US", None, 1)),
        expects={"contract_1": [("AI Calls - US / (none)", "1", "4.00")]},
    ),
    Case(
        "A5 the batch of two customers",
        ai_call_books(rates=PER_CALL, fallback="4.00", contracts=[{}, {}]),
        landed(
            [
                *calls("US", "resolved", 1),
                *calls("EU", "escalated", 1),
                *calls("APAC", "transferred", 1, customer_id="cust_2"),
            ]
        ),
        expects={
            "contract_1": [("AI Calls - EU / Escalated", "1", "7.50"), ("AI Calls - US / Resolved", "1", "2.00")],
            "contract_2": [("AI Calls - APAC / Transferred", "1", "6.00")],
        },
        totals={"contract_1": "9.50", "contract_2": "6.00"},
    ),
    Case(
        "14.2 per minute",
        ai_call_books(aggregation_key="duration_minutes", rates=PER_MINUTE, fallback="0.40"),
        landed([event for region, outcome in PER_MINUTE for event in calls(region, outcome, 10)]),
        expects={
            "contract_1": [
                ("AI Calls - APAC / Escalated", "10", "9.00"),
                ("AI Calls - APAC / Resolved", "10", "30.00"),
                ("AI Calls - APAC / Transferred", "10", "6.00"),
                ("AI Calls - EU / Escalated", "10", "7.50"),
                ("AI Calls - EU / Resolved", "10", "2.50"),
                ("AI Calls - EU / Transferred", "10", "5.00"),
                ("AI Calls - US / Escalated", "10", "6.00"),
                ("AI Calls - US / Resolved", "10", "2.00"),
                ("AI Calls - US / Transferred", "10", "4.00"),
            ]
        },
    ),
]


def by_one_key(name: str, key: str, rates: dict[str, str], fallback: str, quantities: dict[str, tuple[str, str]]) -> Case:
    """14.3: a card over one key; `quantities` maps each value to quantity and amount."""
    sections = books(
        meters=[meter("UNITS", "used", name="Units", key="units", group_keys=(key,))],
        rate_cards=[
            {"code": "CARD", "meter": "UNITS", "entries": card_entries((key,), {(v,): rate for v, rate in rates.items()})}
        ],
        pricings=[{"code": "PRICING", "meter": "UNITS", "model": "per_unit", "rate_card": "CARD", "fallback_rate": fallback}],
    )
    events = [event for value, (units, _) in quantities.items() for event in used(units, **{key: value})]
    lines = [(f"Units - {value[0].upper()}{value[1:]}", units, amount) for value, (units, amount) in sorted(quantities.items())]
    return Case(name, sections, landed(events), expects={"contract_1": lines})


DIMENSIONAL += [
    by_one_key(
        "14.3 AI API by region",
        "region",
        {"US": "0.08", "EU": "0.12", "APAC": "0.15"},
        "0.10",
        {"US": ("1000", "80.00"), "EU": ("1000", "120.00"), "APAC": ("1000", "150.00"), "LATAM": ("1000", "100.00")},
    ),
    by_one_key(
        "14.3 support by outcome",
        "outcome",
        {"resolved": "3.00", "transferred": "5.00", "escalated": "8.00"},
        "5.00",
        {"resolved": ("2", "6.00"), "transferred": ("2", "10.00"), "escalated": ("2", "16.00"), "dropped": ("2", "10.00")},
    ),
    by_one_key(
        "14.3 machines by type",
        "size",
        {"small": "0.10", "medium": "0.50", "large": "2.00"},
        "0.50",
        {"small": ("0.5", "0.05"), "medium": ("1.5", "0.75"), "large": ("1.5", "3.00")},
    ),
    by_one_key(
        "14.3 transfer by destination",
        "destination",
        {"same_region": "0.01", "cross_region": "0.05", "egress": "0.10"},
        "0.02",
        {"same_region": ("100", "1.00"), "cross_region": ("100", "5.00"), "egress": ("100", "10.00"), "moon": ("100", "2.00")},
    ),
]


# --- contract overrides ---------------------------------------------------------------------------------------------------------


def llm_override(model: str, rate: str) -> Mapping:
    return {"meter": "LLM_TOKENS", "dimensions": {"model": model}, "rate": rate}


LLM_BOOKS = books(
    meters=[meter("LLM_TOKENS", "llm_request", name="LLM Tokens", key="tokens", group_keys=("model",))],
    rate_cards=[
        {
            "code": "LLM",
            "meter": "LLM_TOKENS",
            "per": "1000",
            "entries": card_entries(("model",), {("gpt-4",): "0.03", ("gpt-3.5",): "0.002", ("claude-3",): "0.015"}),
        }
    ],
    pricings=[{"code": "LLM_PRICING", "meter": "LLM_TOKENS", "model": "per_unit", "rate_card": "LLM", "fallback_rate": "0.05"}],
    contracts=[
        {},
        {"rate_overrides": [llm_override("gpt-4", "0.02")]},
        {"rate_overrides": [llm_override("gpt-4", "0.015"), llm_override("gpt-3.5", "0.001")]},
    ],
)


def a_million_tokens_each(customer: str) -> list[Mapping]:
    models = ("gpt-4", "gpt-3.5", "claude-3")
    return [
        {"event_name": "llm_request", "customer_id": customer, "properties": {"model": m, "tokens": 1_000_000}} for m in models
    ]


def token_lines(claude: str, gpt35: str, gpt4: str) -> list[tuple[str, str, str]]:
    amounts = (("Claude-3", claude), ("Gpt-3.5", gpt35), ("Gpt-4", gpt4))
    return [(f"LLM Tokens - {model}", "1000000", amount) for model, amount in amounts]


OVERRIDES = [
    Case(
        "14.4 a global card and two enterprises with overrides",
        LLM_BOOKS,
        landed([event for n in (1, 2, 3) for event in a_million_tokens_each(f"cust_{n}")]),
        expects={
            "contract_1": token_lines("15.00", "2.00", "30.00"),
            "contract_2": token_lines("15.00", "2.00", "20.00"),
            "contract_3": token_lines("15.00", "1.00", "15.00"),
        },
    ),
    Case(
        "14.4 an override of the unit amount",
        one_pricing(
            {"meter": "UNITS", "model": "per_unit", "unit_amount": "0.01"},
            contracts=[{"rate_overrides": [{"pricing": "PRICING", "unit_amount": "0.008"}]}],
        ),
        landed(used("1000")),
        expects={"contract_1": [("Units", "1000", "8.00")]},
    ),
]


# --- price models ---------------------------------------------------------------------------------------------------------------

THREE_TIERS = [{"up_to": "1000", "unit_amount": "0.10"}, {"up_to": "10000", "unit_amount": "0.08"}, {"unit_amount": "0.05"}]


def priced(name: str, pricing: Mapping, amounts: dict[str, str], **others: Any) -> list[Case]:
    """One case for every quantity: the line it must make."""
    return [
        Case(
            f"{name}, {units} units",
            one_pricing({"meter": "UNITS", **pricing}, **others),
            landed(used(units)),
            expects={"contract_1": [("Units", units, amount)]},
            totals={"contract_1": amount},
        )
        for units, amount in amounts.items()
    ]


MODELS = [
    *priced(
        "B1 per unit",
        {"model": "per_unit", "unit_amount": "0.10"},
        {"100": "10.00", "1000": "100.00", "10000": "1000.00"},
    ),
    *priced(
        "B2 graduated",
        {"model": "graduated", "tiers": THREE_TIERS},
        {"5000": "420.00", "1000": "100.00", "1001": "100.08", "10000": "820.00", "10001": "820.05", "1000.5": "100.04"},
    ),
    *priced("B2v volume", {"model": "volume", "tiers": THREE_TIERS}, {"5000": "400.00", "1000": "100.00", "10001": "500.05"}),
    *priced(
        "B3 package",
        {"model": "package", "package_size": "1000", "unit_amount": "50.00"},
        {"1": "50.00", "1000": "50.00", "1001": "100.00", "2000": "100.00", "5500": "300.00"},
    ),
    *priced("B4 basis points", {"model": "bps", "bps": "250"}, {"10000.00": "250.00"}),
    *priced("P7 test plan", {"model": "per_unit", "unit_amount": "0.01"}, {"100": "1.00"}),
    *priced("P8 SMS", {"model": "per_unit", "unit_amount": "0.045"}, {"1000": "45.00"}),
    # 0.001 is below half a cent; five of them are exactly half a cent and round away from zero
    *priced("P9 sub-cent", {"model": "per_unit", "unit_amount": "0.001"}, {"5": "0.01", "-5": "-0.01", "1000": "1.00"}),
    *priced(
        "P3 Starter",
        {"model": "graduated", "tiers": [{"up_to": "100", "unit_amount": "0"}, {"unit_amount": "0.20"}]},
        {"150": "10.00"},
    ),
    *priced("P1 Free", {"model": "per_unit", "unit_amount": "0.10"}, {"100": "10.00"}),
]


# --- fees and periods -----------------------------------------------------------------------------------------------------------

FLAT_99 = {"model": "flat", "amount": "99.00", "name": "Platform"}


def a_year_of(frequency: str, count: int) -> Case:
    sections = one_pricing(FLAT_99, frequency=frequency, contracts=[{"end_date": "2027-01-01"}])
    return Case(f"P6 invoices a year, {frequency}", sections, as_of=datetime.fromisoformat("2027-02-01"), invoices=count)


FEES = [
    Case(
        "P2 Pro",
        one_pricing({"meter": "UNITS", "model": "per_unit", "unit_amount": "0.08"}, base_fee="50.00"),
        landed(used("1000")),
        expects={"contract_1": [("Units", "1000", "80.00"), ("Base fee", "1", "50.00")]},
        totals={"contract_1": "130.00"},
    ),
    Case("P4 flat", one_pricing(FLAT_99), expects={"contract_1": [("Platform", "1", "99.00")]}),
    a_year_of("monthly", 12),
    a_year_of("quarterly", 4),
    a_year_of("semi_annually", 2),
    a_year_of("annually", 1),
]


# --- credits --------------------------------------------------------------------------------------------------------------------


def drawn(
    name: str,
    amount: str,
    grants: list[Mapping],
    *,
    due: str,
    ledger: list[tuple[str, str, str, str | None, str]],
    initial: str | None = None,
) -> Case:
    """Usage of so much money in January, paid by grants."""
    return Case(
        name,
        one_pricing({"meter": "UNITS", "model": "per_unit", "unit_amount": "1"}, credit_grants=grants),
        landed(used(amount)),
        totals={"contract_1": due},
        ledger=ledger,
        initial_total=initial,
    )


CREDITS = [
    drawn(
        "K1 a partial draw",
        "80.00",
        [{"id": "g", "kind": "promotional", "amount": "50.00"}],
        due="30.00",
        ledger=[("g", "grant", "50.00", None, "50.00"), ("g", "usage", "-50.00", None, "0")],
    ),
    drawn(
        "K2, K3, K4 units at 32 cents",
        "50.00",
        [{"id": "g", "kind": "prepaid", "credits": "1562.5", "credit_rate": "0.32"}],
        due="0.00",
        ledger=[("g", "grant", "500.00", "1562.5", "500.00"), ("g", "usage", "-50.00", "-156.25", "450.00")],
        initial="500.00",
    ),
    drawn(
        "K5, K6 a thousand bought, two hundred free; the free ones go first",
        "130.00",
        [
            {"id": "bought", "kind": "prepaid", "credits": "1000", "credit_rate": "0.50"},
            {"id": "bonus", "kind": "promotional", "credits": "200", "credit_rate": "0.50"},
        ],
        due="0.00",
        ledger=[
            ("bonus", "grant", "100.00", "200", "100.00"),
            ("bought", "grant", "500.00", "1000", "500.00"),
            ("bonus", "usage", "-100.00", "-200", "0"),
            ("bought", "usage", "-30.00", "-60", "470.00"),
        ],
        initial="500.00",
    ),
    drawn(
        "K7 money has no units",
        "0",
        [{"id": "g", "kind": "promotional", "amount": "500.00"}],
        due="0.00",
        ledger=[("g", "grant", "500.00", None, "500.00")],
    ),
    drawn(
        "K8 units at a rate",
        "0",
        [{"id": "g", "kind": "promotional", "credits": "500", "credit_rate": "1.00"}],
        due="0.00",
        ledger=[("g", "grant", "500.00", "500", "500.00")],
    ),
    drawn(
        "K11, K12 promotional before prepaid at the same expiry",
        "95.00",
        [
            {"id": "paid", "kind": "prepaid", "credits": "2000", "credit_rate": "0.10", "expires_at": "2027-01-01"},
            {"id": "promo", "kind": "promotional", "credits": "500", "credit_rate": "0.10", "expires_at": "2027-01-01"},
        ],
        due="0.00",
        ledger=[
            ("paid", "grant", "200.00", "2000", "200.00"),
            ("promo", "grant", "50.00", "500", "50.00"),
            ("promo", "usage", "-50.00", "-500", "0"),
            ("paid", "usage", "-45.00", "-450", "155.00"),
        ],
        initial="200.00",
    ),
    drawn(
        "K14 a commitment bought at a discount",
        "1000.00",
        [{"id": "g", "kind": "prepaid", "amount": "125000.00", "price": "100000.00"}],
        due="0.00",
        ledger=[("g", "grant", "125000.00", None, "125000.00"), ("g", "usage", "-1000.00", None, "124000.00")],
        initial="100000.00",
    ),
    Case(
        "K15 credits pay no flat fee",
        one_pricing(FLAT_99, credit_grants=[{"id": "g", "kind": "promotional", "amount": "500.00"}]),
        expects={"contract_1": [("Platform", "1", "99.00")]},
        totals={"contract_1": "99.00"},
        ledger=[("g", "grant", "500.00", None, "500.00")],
    ),
    drawn(
        "K17 the sooner expiry before the free grant",
        "10.00",
        [
            {"id": "paid", "kind": "prepaid", "amount": "100.00", "expires_at": "2026-06-01"},
            {"id": "promo", "kind": "promotional", "amount": "100.00", "expires_at": "2027-01-01"},
        ],
        due="0.00",
        ledger=[
            ("paid", "grant", "100.00", None, "100.00"),
            ("promo", "grant", "100.00", None, "100.00"),
            ("paid", "usage", "-10.00", None, "90.00"),
        ],
        initial="100.00",
    ),
]

CASES = [*DIMENSIONAL, *OVERRIDES, *MODELS, *FEES, *CREDITS]
