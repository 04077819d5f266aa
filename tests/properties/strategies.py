"""What one organization lives through: runs one after the other, each with its books, and the events landed by then."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from random import Random

import polars as pl
from hypothesis import strategies as st
from ruamel.yaml import YAML

from rating import tables
from tests.oracle.exact import QUANTITY_DIGITS, decimal_of
from tests.oracle.metering import UsageRow
from tests.properties.random_books import FIRST_DAY, Mapping, books, text_of
from tests.properties.revisions import revised


@dataclass(frozen=True)
class Run:
    """One run: its clock, the books in force then, and whether it issues."""

    as_of: datetime
    books: Mapping
    issue: bool = True


@dataclass(frozen=True)
class Scenario:
    """Runs in order, and every event with the as_of of the run that landed it."""

    runs: list[Run]
    events: list[Mapping]


def event(seed: int, position: int, clocks: list[datetime], books: Mapping) -> Mapping:
    """One landed event version: resends share a few keys, some come late, some void, some are ahead of the clock.

    It is made from a seed, not from drawn values: so a scenario can hold many, and shrinks by dropping whole events.
    """
    random = Random(seed)
    contract = random.choice(books["contracts"])
    landed_by = random.randrange(len(clocks))
    landed = clocks[landed_by]
    received_at = landed - timedelta(minutes=random.choice([0, 0, 0, 1, 90]))
    first = datetime.fromisoformat(contract["start_date"]) - timedelta(hours=12)
    age = random.randint(-3600, max(int((received_at - first).total_seconds()), 0))
    return {
        "event_name": random.choice([*(meter["event_name"] for meter in books["meters"]), "alpha"]),
        **sender(random, contract, books),
        "idempotency_key": random.choice([None] * 9 + ["k1", "k2", "k3"]),
        "timestamp": received_at - timedelta(seconds=age),
        "tombstone": random.random() < 0.05,
        "properties": properties(random),
        "received_at": received_at,
        "landed": landed,
        "file": f"{landed_by:02d}.ndjson",
        "position": position,
        "element": 0,
        "batch": landed_by + 1,
    }


def sender(random: Random, contract: Mapping, books: Mapping) -> Mapping:
    """Who an event names: mostly the contract's customer, by either id, often pinned; sometimes a stranger or a wrong pin."""
    if random.random() < 0.03:
        return {"customer_id": "nobody", "external_customer_id": None, "contract_id": None}
    by_external_id = contract["customer"] == "cust_1" and random.random() < 0.3
    return {
        "customer_id": None if by_external_id else contract["customer"],
        "external_customer_id": "one" if by_external_id else None,
        "contract_id": random.choice([*[contract["id"]] * 8, *[None] * 4, books["contracts"][0]["id"]]),
    }


def properties(random: Random) -> Mapping:
    found = {
        "region": random.choice(["US", "US", "EU", "EU", 1, "us", "", None]),
        "tier": random.choice(["a", "a", "b", "c"]),
        "user": random.choice(["u1", "u2", 3, None]),
        "channel": random.choice(["web", 7, None, "7.25"]),
        "amount": quantity(random),
    }
    return {name: value for name, value in found.items() if value is not None or random.random() < 0.5}


def quantity(random: Random) -> str | int | bool | None:
    """Mostly a positive decimal; one event in ten is a correction, and some carry no number."""
    if random.random() < 0.1:
        return text_of(random.randint(-900_000, -1), 3)
    odd = random.choice(["0", "0.5", "1000", "1e2", "0.0000000005", "much", None, True, "1e15"])
    whole = random.randint(-20, 300)
    fraction = text_of(random.randint(-5_000, 300_000), 3)
    tail = text_of(random.randint(1, 90_000_000_000), 9)
    return random.choice([whole, whole, abs(whole), fraction, fraction, tail, tail, odd])


@st.composite
def scenarios(draw: st.DrawFn, *, most_runs: int = 4, most_events: int = 40) -> Scenario:
    sections = draw(books())
    gaps = draw(st.lists(st.integers(1, 45), min_size=(most_runs + 1) // 2, max_size=most_runs))
    day = FIRST_DAY + timedelta(days=20)
    runs: list[Run] = []
    for gap in gaps:
        day += timedelta(days=gap)
        clock = datetime(day.year, day.month, day.day, draw(st.sampled_from([0, 12])))  # noqa: DTZ001
        runs.append(Run(clock, sections, issue=draw(st.integers(0, 9)) < 9))
        sections = draw(revised(sections))
    clocks = [run.as_of for run in runs]
    seeds = draw(st.lists(st.integers(0, 2**40), min_size=min(most_events, 5), max_size=most_events))
    return Scenario(runs, [event(seed, position, clocks, sections) for position, seed in enumerate(seeds, 1)])


def write_books(sections: Mapping, folder: Path) -> Path:
    """The books as one YAML file in the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    yaml = YAML(typ="safe", pure=True)
    yaml.dump({section: content for section, content in sections.items() if content}, folder / "books.yml")
    return folder


def usage_frame(rows: list[UsageRow]) -> pl.DataFrame:
    """The rows as a frame of `tables.USAGE`."""
    return tables.USAGE.frame(
        [
            {name: getattr(row, name) for name in tables.USAGE.names}
            | {"group_values": list(row.group_values), "quantity": decimal_of(row.quantity, QUANTITY_DIGITS)}
            for row in rows
        ]
        or tables.USAGE.empty()
    )
