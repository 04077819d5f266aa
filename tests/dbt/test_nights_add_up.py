"""Law 8: what is added night by night is what one night makes of it all, whatever the nights bring or leave half done."""

from __future__ import annotations

import random
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from dagster_project.warehouse.dbt_runner import DbtHouse
from dagster_project.warehouse.paths import Warehouse

moment = datetime.fromisoformat

JANUARY = (moment("2026-01-01"), moment("2026-02-01"))
FEBRUARY = (JANUARY[1], moment("2026-03-01"))
MARCH = (FEBRUARY[1], moment("2026-04-01"))
NIGHTS = 4
# where a run may die: models are built one after the other, each by one transaction
PREFIXES = (
    "stg_events",
    "stg_events int_repeated_keys",
    "stg_events int_repeated_keys int_key_versions",
    "+int_events_grouped_by_batch",
    "+int_event_groups",
)
# one tells when something was found, which depends on when it was looked for; the other keeps how months were routed before
HISTORY = {
    "int_repeated_keys": "select distinct key_hash from intermediate.int_repeated_keys where key_hash is not null",
    "int_events_grouped_by_batch": "from intermediate.int_events_on_current_routes",
}


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.full) for seed in range(1, 12))])
def test_nights_add_up_to_what_one_night_makes_of_it_all(house: Any, tmp_path: Path, seed: int) -> None:
    dice = random.Random(seed)
    _first_books(house)
    for night in range(1, NIGHTS + 1):
        for _ in range(dice.randrange(60)):
            _event(house, dice, night)
        if night > 1:
            dice.choice(BOOKS_CHANGE)(house, dice, night)
        if dice.random() < 0.4:
            _dies_after(house, dice.choice(PREFIXES))
        if dice.random() < 0.7 or night == NIGHTS:
            house.below()
    house.above()
    at_once = _same_facts(house, tmp_path / "at_once")
    at_once.below()
    at_once.above()
    for table, question in _questions(house).items():
        assert house.ask(question) == at_once.ask(question), table


def test_a_night_adds_new_landings_and_leaves_the_rest_alone(acme: Any) -> None:
    """What was added up before is not looked at again, but for customers whose windows changed: a mistake put there stays."""
    acme.customer("beta")
    acme.contract("beta-1", "beta", JANUARY)
    acme.meter("CALLS", "sum", "n")
    acme.event({"n": 1}, key="a")
    acme.event({"n": 2}, customer="beta")
    acme.below()
    acme.ask("update intermediate.int_events_grouped_by_batch set number_1_sum = number_1_sum + 100")
    acme.event({"n": 4}, key="a", batch=2)
    acme.event({"n": 8}, customer="beta", batch=2)
    acme.below()
    assert _quantities(acme) == {"acme-1": 104, "beta-1": 110}
    first, *others = [row for row in acme.rows["windows"] if row["contract_id"] == "beta-1"]
    assert not others
    cut = moment("2026-01-05")
    acme.rows["windows"].remove(first)
    acme.add("windows", {**first, "window_end": cut}, {**first, "window_start": cut})
    acme.below()
    assert _quantities(acme) == {"acme-1": 104, "beta-1": 10}


# --- facts -------------------------------------------------------------------------------------------------------------------


def _first_books(house: Any) -> None:
    for name in ("ada", "bob"):
        house.customer(name, f"{name}-ext")
        house.contract(f"{name}-1", name, JANUARY)
    house.meter("MINUTES", "sum", "n", groups=["region"])
    house.meter("CALLS", "count", groups=["region", "agent"])
    house.meter("PEAK", "max", "n", filters=[("channel", "not_in", ["test"])])
    house.meter("SEATS", "unique", "agent")
    house.meter("LEVEL", "latest", "n", names=["chat"])
    house.meter("MEAN", "average", "n", names=["chat"])


def _event(house: Any, dice: random.Random, night: int) -> None:
    properties = {
        "n": dice.choice([1, 1.0, "2.5", "-3", "soon", None]),
        "region": dice.choice(["US", "EU", 1, 1.0, "1", None]),
        "agent": dice.choice(["x", "y", 7]),
        "channel": dice.choice(["voice", "test"]),
        "Region": "near miss",
    }
    customer = dice.choice(["ada", "ada", "bob", "cyd"])
    received = moment("2026-01-01") + timedelta(days=20 * night + dice.randrange(30), hours=dice.randrange(3))
    house.event(
        {name: value for name, value in properties.items() if dice.random() < 0.9},
        name=dice.choice(["call", "call", "chat", "ping"]),
        customer=customer,
        external=f"{customer}-ext" if dice.random() < 0.2 else None,
        pin=f"{customer}-1" if dice.random() < 0.1 else None,
        key=f"key-{dice.randrange(70)}" if dice.random() < 0.8 else None,
        at=JANUARY[0] + timedelta(hours=dice.randrange(-24, 24 * 62)),
        received=received,
        tombstone=dice.random() < 0.1,
        file=dice.choice(["a.ndjson", "b.ndjson"]),
        batch=night,
    )


def _month_is_added(house: Any, _: random.Random, night: int) -> None:
    house.contract(f"bob-{night}", "bob", FEBRUARY)


def _customer_is_added(house: Any, _: random.Random, night: int) -> None:
    if not any(row["customer_id"] == "cyd" for row in house.rows["customers"]):
        house.customer("cyd", "cyd-ext")
    house.contract(f"cyd-{night}", "cyd", JANUARY if night % 2 else FEBRUARY)


def _terms_change_inside_a_month(house: Any, dice: random.Random, _: int) -> None:
    cut = JANUARY[0] + timedelta(days=dice.randrange(1, 30))
    first = next(row for row in house.rows["windows"] if row["contract_id"] == "ada-1")
    others = [row for row in house.rows["windows"] if row["contract_id"] != "ada-1"]
    before = {**first, "window_start": JANUARY[0], "window_end": cut}
    house.rows["windows"] = [*others, before, {**first, "window_start": cut, "window_end": JANUARY[1]}]


def _contract_goes(house: Any, _: random.Random, __: int) -> None:
    house.rows["windows"] = [row for row in house.rows["windows"] if row["contract_id"] != "bob-1"]


def _meter_is_added(house: Any, _: random.Random, night: int) -> None:
    house.meter(f"MORE_{night}", "sum", "n", groups=["agent"], names=None)


def _period_closes(house: Any, _: random.Random, night: int) -> None:
    if "closed_periods" not in house.rows:
        house.close("ada-1", "ada", JANUARY, last_batch=night - 1)


def _nothing_changes(_: Any, __: random.Random, ___: int) -> None:
    pass


BOOKS_CHANGE = (
    _month_is_added,
    _customer_is_added,
    _terms_change_inside_a_month,
    _contract_goes,
    _meter_is_added,
    _period_closes,
    _period_closes,
    _nothing_changes,
)


# --- builds and what they left -----------------------------------------------------------------------------------------------


def _dies_after(house: Any, models: str) -> None:
    """A run that ends after some of the models."""
    house._lay_out()
    asked = " ".join(["stg_event_names", "stg_event_meters", "stg_event_columns", models])
    assert all(result.is_good for result in DbtHouse(house.warehouse).build(asked) if result.resource_type == "model")


def _same_facts(house: Any, folder: Path) -> Any:
    return type(house)(Warehouse(folder), house.rows, house.events, house.quarantine, house.reconciled_amounts)


def _questions(house: Any) -> dict[str, str]:
    """Everything that dbt left but the events themselves, by table."""
    rows: Iterable[tuple[str, ...]] = house.ask(
        "select schema_name || '.' || name from ("
        "select schema_name, table_name as name from duckdb_tables() where schema_name in ('staging', 'intermediate') "
        "union all select schema_name, view_name from duckdb_views() where schema_name in ('staging', 'intermediate'))"
    )
    tables = [name for (name,) in rows]
    assert len(tables) > 20
    asked = {name: HISTORY.get(name.split(".")[1], f"from {name}") + " order by all" for name in tables}
    return asked | {
        name: f"from published.marts.{name} order by all" for name in ("reconciliation", "unmatched_events", "usage")
    }


def _quantities(house: Any) -> dict[str, int]:
    return {row["contract_id"]: int(row["quantity"]) for row in house.usage().iter_rows(named=True)}
