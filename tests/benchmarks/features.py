"""What the newer ways to count, price and agree cost: a night of ten plain meters beside nights in which one of the ten uses them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

from tests.benchmarks import events, nights
from tests.benchmarks.books import write_books
from tests.benchmarks.events import Month
from tests.benchmarks.measure import cost_of
from tests.benchmarks.results import Cost

PLAIN = "ten plain meters"
MEBIBYTE = 1 << 20
# three meters are there; six more of the same events make nine, and the tenth is the one that differs
MORE = [
    {"code": "CALLS", "event_name": "ai_call", "aggregation": "count"},
    {"code": "CALLS_BY_REGION", "event_name": "ai_call", "aggregation": "count", "group_keys": ["region"]},
    {"code": "TOKENS", "event_name": "llm_tokens", "aggregation": "sum", "aggregation_key": "tokens"},
    {"code": "REQUESTS_BY_MODEL", "event_name": "llm_tokens", "aggregation": "count", "group_keys": ["model"]},
    {"code": "API_BY_ENDPOINT", "event_name": "api_call", "aggregation": "count", "group_keys": ["endpoint"]},
    {"code": "MINUTES", "event_name": "ai_call", "aggregation": "sum", "aggregation_key": "duration_minutes"},
]
TENTH = {"code": "TENTH", "event_name": "ai_call", "aggregation": "sum", "aggregation_key": "duration_minutes"}
WORKED_OUT = TENTH | {
    "aggregation_key": {"formula": "max(duration_minutes - 0.5, 0) * 60"},
    "round_each": {"minimum": "30", "up_to": "6"},
    "filters": [{"property": "duration_minutes", "at_least": "0.1"}],
    "group_keys": [
        {"name": "length", "of": "duration_minutes", "bands": [{"at_most": "10", "value": "short"}, {"value": "long"}]},
        {
            "name": "daypart",
            "hours": {
                "zone": "Europe/Berlin",
                "ranges": [{"value": "day", "from": "08:00", "to": "20:00"}],
                "otherwise": "night",
            },
        },
    ],
}
VARIANTS = {
    PLAIN: TENTH,
    "a formula, rounding, thresholds and two groups worked out": WORKED_OUT,
    "a level": TENTH | {"aggregation": "level"},
    "a counter": TENTH | {"aggregation": "counter"},
    "a percentile of five minutes": TENTH | {"aggregation": "percentile", "percentile": "95", "interval": "5m"},
}
AGREED = "one contract in ten with percent off, maximum, commitment, base fee in advance and recurring grants"


@dataclass(frozen=True, slots=True)
class Compared:
    variant: str
    cost: Cost


def nights_of_variants(folder: Path, month: Month) -> Iterator[Compared]:
    """The first night of each variant, one after the other, the plain one first and last."""
    events.write_month(folder, month)
    for nth, variant in enumerate([*VARIANTS, AGREED, PLAIN]):
        books = write_variant(folder / f"books-{nth}", month, variant)
        arguments = nights.command(folder, books, folder / f"warehouse-{nth}", nights.FIRST_NIGHT)
        yield Compared(variant, cost_of("dagster_project", *arguments))


def write_variant(folder: Path, month: Month, variant: str) -> Path:
    """The benchmark's books with ten meters, the tenth as the variant says."""
    write_books(folder, month.customers, month.seed)
    catalogue = yaml.safe_load((folder / "catalogue.yml").read_text())
    added = [*MORE, VARIANTS.get(variant, TENTH)]
    catalogue["meters"] += added
    pricings = [{"code": f"{m['code']}_P", "meter": m["code"], "model": "per_unit", "unit_amount": "0.001"} for m in added]
    catalogue["pricings"] += pricings
    catalogue["plans"][0]["pricings"] += [pricing["code"] for pricing in pricings]
    (folder / "catalogue.yml").write_text(yaml.safe_dump(catalogue))
    if variant == AGREED:
        _agree(folder, catalogue)
    return folder


def _agree(folder: Path, catalogue: dict[str, list[dict[str, object]]]) -> None:
    """One bulk contract in ten gets all the newer terms, and a plan of its own that bills in advance."""
    bulk = (folder / "contracts.csv").read_text().splitlines()
    chosen, others = bulk[1::10], [line for nth, line in enumerate(bulk[1:]) if nth % 10]
    (folder / "contracts.csv").write_text("\n".join([bulk[0], *others]) + "\n")
    ahead = catalogue["plans"][0] | {"code": "ahead", "billing": "in_advance"}
    contracts, grants = [], []
    for line in chosen:
        contract, customer, *_ = line.split(",")
        contracts.append(
            {
                "id": contract,
                "customer": customer,
                "plan": "ahead",
                "start_date": "2026-01-01",
                "end_date": "2027-01-01",
                "status": "approved",
                "maximum_spend": "5000.00",
                "rate_overrides": [{"plan": True, "percent_off": "15"}],
                "commitments": [{"id": "year", "amount": "1000.00", "from": "2026-01-01", "to": "2027-01-01"}],
            }
        )
        grant = {"id": f"{contract}-free", "contract": contract, "kind": "promotional", "amount": "20.00", "every": "period"}
        grants.append(grant | {"rollover": {"maximum": "10.00"}})
    text = yaml.safe_dump({"plans": [ahead], "contracts": contracts, "credit_grants": grants})
    (folder / "agreed.yml").write_text(text)


def table_of(month: Month, compared: list[Compared]) -> str:
    """The nights as markdown, each beside the mean of the two plain ones."""
    plain = [one.cost for one in compared if one.variant == PLAIN]
    seconds, cpu = (sum(getattr(cost, name) for cost in plain) / len(plain) for name in ("seconds", "cpu_seconds"))
    head = "| one meter in ten is | wall s | CPU s | peak MiB | wall | CPU |\n|---|---:|---:|---:|---:|---:|"
    rows = [
        f"| {one.variant} | {one.cost.seconds:.1f} | {one.cost.cpu_seconds:.1f} | {one.cost.peak_bytes / MEBIBYTE:,.0f} "
        f"| {one.cost.seconds / seconds:.2f} | {one.cost.cpu_seconds / cpu:.2f} |"
        for one in compared
    ]
    title = (
        f"**A first night of {month.events:,} events, {month.customers:,} contracts; the last columns beside the plain nights**"
    )
    return "\n".join([title, "", head, *rows])
