"""The books that the events are billed by: one contract a customer, one in twenty with prices of its own, the others in bulk files."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from random import Random

import polars as pl

# meter, then one value a group key
Combination = tuple[str, ...]

NEGOTIATED_ONE_IN = 20
CARD: dict[Combination, Decimal] = {
    ("AI_CALL", "US", "resolved"): Decimal("2.00"),
    ("AI_CALL", "US", "transferred"): Decimal("1.25"),
    ("AI_CALL", "US", "escalated"): Decimal("0.75"),
    ("AI_CALL", "EU", "resolved"): Decimal("2.20"),
    ("AI_CALL", "EU", "transferred"): Decimal("1.33333333"),
    ("AI_CALL", "EU", "escalated"): Decimal("0.825"),
    ("AI_CALL", "APAC", "resolved"): Decimal("1.80"),
    ("AI_CALL", "APAC", "transferred"): Decimal("1.125"),
    ("AI_CALL", "APAC", "escalated"): Decimal("0.66666667"),
    ("LLM_TOKENS", "large"): Decimal("0.00003"),
    ("LLM_TOKENS", "small"): Decimal("0.0000025"),
    ("LLM_TOKENS", "mini"): Decimal("0.00000015"),
    ("LLM_TOKENS", "embed"): Decimal("0.00006125"),
}
FALLBACK = {"AI_CALL": Decimal("1.50"), "LLM_TOKENS": Decimal("0.00005")}
FIRST_TIER = Decimal("0.10")

CATALOGUE = """\
settings: {{organization: Benchmark, currency: USD}}
meters:
- {{code: AI_CALL, event_name: ai_call, aggregation: sum, aggregation_key: duration_minutes, group_keys: [region, call_outcome]}}
- {{code: LLM_TOKENS, event_name: llm_tokens, aggregation: sum, aggregation_key: tokens, group_keys: [model]}}
- {{code: API_CALLS, event_name: api_call, aggregation: count}}
rate_cards:
- code: AI_CALL_CARD
  meter: AI_CALL
  entries:
{ai_call}
- code: LLM_TOKENS_CARD
  meter: LLM_TOKENS
  entries:
{llm_tokens}
pricings:
- {{code: AI_CALL_PRICING, meter: AI_CALL, model: per_unit, rate_card: AI_CALL_CARD, fallback_rate: "{fallback[AI_CALL]}"}}
- {{code: LLM_TOKENS_PRICING, meter: LLM_TOKENS, model: per_unit, rate_card: LLM_TOKENS_CARD, fallback_rate: "{fallback[LLM_TOKENS]}"}}
- code: API_CALLS_PRICING
  meter: API_CALLS
  model: graduated
  tiers: [{{up_to: 1000, unit_amount: "{first_tier}"}}, {{up_to: 10000, unit_amount: "0.08"}}, {{unit_amount: "0.05"}}]
plans:
- {{code: standard, base_fee: "20.00", pricings: [AI_CALL_PRICING, LLM_TOKENS_PRICING, API_CALLS_PRICING]}}
"""


@dataclass(frozen=True, slots=True)
class Grants:
    """One contract in `one_in` holds the first `each` of GRANTS."""

    one_in: int
    each: int


@dataclass(frozen=True, slots=True)
class Grant:
    kind: str
    amount: str
    price: str | None
    expires_at: str | None


# what expires in mid-month cuts the month into two rating windows
GRANTS = (
    Grant("promotional", "5.00", None, "2026-01-16"),
    Grant("prepaid", "100.00", "80.00", "2027-01-01"),
    Grant("promotional", "2.50", None, "2026-03-01"),
    Grant("prepaid", "50.00", "45.00", None),
    Grant("prepaid", "25.00", None, None),
)
A_FEW = Grants(one_in=10, each=2)
FIVE_FOR_EVERYONE = Grants(one_in=1, each=5)


def write_books(folder: Path, customers: int, seed: int, grants: Grants = A_FEW) -> Path:
    """Write the books of so many customers; the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    numbers = pl.DataFrame({"number": range(1, customers + 1)})
    everyone = numbers.select(
        "number", id=_code("cust_"), contract=_code("contract_"), name=pl.format("Customer {}", pl.col("number"))
    )
    (folder / "catalogue.yml").write_text(
        CATALOGUE.format(
            ai_call=_entries("AI_CALL"), llm_tokens=_entries("LLM_TOKENS"), fallback=FALLBACK, first_tier=FIRST_TIER
        )
    )
    everyone.select("id", "name").write_csv(folder / "customers.csv")
    bulk = everyone.filter(pl.col("number") % NEGOTIATED_ONE_IN != 0).select(
        id="contract", customer="id", plan=pl.lit("standard"), start_date=pl.lit("2026-01-01"), status=pl.lit("approved")
    )
    bulk.write_csv(folder / "contracts.csv")
    (folder / "negotiated.yml").write_text(_negotiated(customers, Random(seed)))
    holders = everyone.filter(pl.col("number") % grants.one_in == 0).select("contract")
    _grants(holders, GRANTS[: grants.each]).write_csv(folder / "credit_grants.csv")
    return folder


def is_negotiated(contract_id: str) -> str:
    """SQL: whether a contract has prices of its own, by its id."""
    return f"right({contract_id}, 6)::integer % {NEGOTIATED_ONE_IN} = 0"


def _code(prefix: str) -> pl.Expr:
    return pl.lit(prefix) + pl.col("number").cast(pl.String).str.zfill(6)


def _dimensions(combination: Combination) -> str:
    keys = ("region", "call_outcome") if combination[0] == "AI_CALL" else ("model",)
    return "{" + ", ".join(f"{key}: {value}" for key, value in zip(keys, combination[1:], strict=True)) + "}"


def _entries(meter: str) -> str:
    return "\n".join(
        f'  - {{dimensions: {_dimensions(combination)}, rate: "{rate:f}"}}'
        for combination, rate in CARD.items()
        if combination[0] == meter
    )


def _negotiated(customers: int, random: Random) -> str:
    """Contracts with a minimum spend and half of the card at 50 to 95 % of its price."""
    lines = ["contracts:"]
    for number in range(NEGOTIATED_ONE_IN, customers + 1, NEGOTIATED_ONE_IN):
        lines += [
            f"- id: contract_{number:06}",
            f"  customer: cust_{number:06}",
            "  plan: standard",
            "  start_date: 2026-01-01",
            "  status: approved",
            '  minimum_spend: "100.00"',
            "  rate_overrides:",
        ]
        for combination in sorted(random.sample(list(CARD), len(CARD) // 2)):
            rate = CARD[combination] * random.randint(50, 95) / 100
            lines.append(f'  - {{meter: {combination[0]}, dimensions: {_dimensions(combination)}, rate: "{rate:f}"}}')
    return "\n".join(lines) + "\n"


def _grants(holders: pl.DataFrame, grants: tuple[Grant, ...]) -> pl.DataFrame:
    return pl.concat(
        holders.select(
            id=pl.format("{}-grant-{}", "contract", pl.lit(position)),
            contract="contract",
            kind=pl.lit(grant.kind),
            amount=pl.lit(grant.amount),
            price=pl.lit(grant.price, dtype=pl.String),
            expires_at=pl.lit(grant.expires_at, dtype=pl.String),
        )
        for position, grant in enumerate(grants, start=1)
    )
