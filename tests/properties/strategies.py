"""What one organization lives through: runs one after the other, each with its books, and the events landed by then."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl
from hypothesis import strategies as st
from ruamel.yaml import YAML

from rating import tables
from tests.oracle.exact import QUANTITY_DIGITS, decimal_of
from tests.oracle.metering import UsageRow
from tests.properties.random_books import FIRST_DAY, Mapping, books, quantities
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


@st.composite
def properties(draw: st.DrawFn) -> Mapping:
    found: Mapping = {
        "region": draw(st.sampled_from(["US", "US", "EU", 1, "us", "", None])),
        "tier": draw(st.sampled_from(["a", "a", "b", "c"])),
    }
    found["user"] = draw(st.sampled_from(["u1", "u2", 3, None]))
    found["channel"] = draw(st.sampled_from(["web", 7, None]))
    found["amount"] = draw(st.one_of(quantities(), quantities(), quantities(), st.sampled_from(["much", None, True, "1e15"])))
    return {name: value for name, value in found.items() if value is not None or draw(st.booleans())}


@st.composite
def senders(draw: st.DrawFn, books: Mapping) -> Mapping:
    """Who an event names: mostly the customer of a contract, by either id, often pinned; sometimes a stranger or a wrong pin."""
    contract = draw(st.sampled_from(books["contracts"]))
    if draw(st.integers(0, 15)) == 0:
        return {"customer_id": "nobody", "external_customer_id": None, "contract_id": None}
    by_external_id = contract["customer"] == "cust_1" and draw(st.booleans())
    pins = [contract["id"]] * 8 + [None] * 4 + [books["contracts"][0]["id"]]
    return {
        "customer_id": None if by_external_id else contract["customer"],
        "external_customer_id": "one" if by_external_id else None,
        "contract_id": draw(st.sampled_from(pins)),
    }


@st.composite
def events(draw: st.DrawFn, position: int, clocks: list[datetime], books: Mapping) -> Mapping:
    """One landed event version: resends share a few keys, some come late, some void, some are ahead of the clock."""
    landed_by = draw(st.integers(0, len(clocks) - 1))
    landed = clocks[landed_by]
    received_at = landed - timedelta(minutes=draw(st.sampled_from([0, 0, 0, 1, 90])))
    first = datetime.fromisoformat(min(contract["start_date"] for contract in books["contracts"])) - timedelta(days=1)
    age = draw(st.integers(-3600, max(int((received_at - first).total_seconds()), 0)))
    return {
        "event_name": draw(st.sampled_from([*(meter["event_name"] for meter in books["meters"]), "alpha"])),
        **draw(senders(books)),
        "idempotency_key": draw(st.sampled_from([None] * 6 + ["k1", "k2", "k3"])),
        "timestamp": received_at - timedelta(seconds=age),
        "tombstone": draw(st.integers(0, 15)) == 0,
        "properties": draw(properties()),
        "received_at": received_at,
        "landed": landed,
        "file": f"{landed_by:02d}.ndjson",
        "position": position,
        "element": 0,
        "batch": landed_by + 1,
    }


@st.composite
def scenarios(draw: st.DrawFn, *, most_runs: int = 4, most_events: int = 25) -> Scenario:
    sections = draw(books())
    gaps = draw(st.lists(st.integers(1, 45), min_size=1, max_size=most_runs))
    day = FIRST_DAY + timedelta(days=20)
    runs: list[Run] = []
    for gap in gaps:
        day += timedelta(days=gap)
        clock = datetime(day.year, day.month, day.day, draw(st.sampled_from([0, 12])))  # noqa: DTZ001
        runs.append(Run(clock, sections, issue=draw(st.integers(0, 9)) > 0))
        sections = draw(revised(sections))
    clocks = [run.as_of for run in runs]
    count = draw(st.integers(0, most_events))
    return Scenario(runs, [draw(events(position, clocks, sections)) for position in range(1, count + 1)])


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
