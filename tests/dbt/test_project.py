"""Conventions of the dbt project, read from its manifest; and its unit tests."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import polars as pl
import pytest

from dagster_project.warehouse import contents, published
from dagster_project.warehouse.dbt_runner import DbtHouse
from rating import tables
from rating.tables import Table

SCHEDULE = (tables.WINDOWS, tables.CLOSED_PERIODS)
MARTS = {
    "attention",
    "breakage_by_month",
    "changes_since_last_close",
    "contract_balance_history",
    "contracts",
    "credit_ledger",
    "customers",
    "deal_terms",
    "deals",
    "deferred_revenue",
    "deferred_revenue_by_month",
    "focus",
    "grant_balance_history",
    "grant_balances",
    "invoice_lines",
    "invoices",
    "letterheads",
    "line_shares",
    "meters",
    "plans",
    "pricings",
    "promotional_cost",
    "quarantine",
    "rate_cards",
    "reconciliation",
    "revenue_by_month",
    "tier_charges",
    "unmatched_events",
    "usage",
}


@pytest.fixture(scope="module")
def manifest() -> dict[str, Any]:
    return json.loads(DbtHouse.manifest_path().read_text())


@pytest.fixture(scope="module")
def models(manifest: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {node["name"]: node for node in manifest["nodes"].values() if node["resource_type"] == "model"}


def _sources(manifest: dict[str, Any], schema: str) -> dict[str, dict[str, Any]]:
    return {node["name"]: node for node in manifest["sources"].values() if node["schema"] == schema}


def _described(manifest: dict[str, Any]) -> Iterator[tuple[str, str]]:
    nodes = [*manifest["sources"].values(), *(node for node in manifest["nodes"].values() if node["resource_type"] == "model")]
    for node in nodes:
        yield node["name"], node["description"]
        for column in node["columns"].values():
            yield f"{node['name']}.{column['name']}", column["description"]


def _sql_type(dtype: pl.DataType) -> str:
    if isinstance(dtype, pl.Decimal):
        return f"decimal({dtype.precision},{dtype.scale})"
    plain = {
        pl.String(): "string",
        pl.List(pl.String()): "string[]",
        pl.Boolean(): "boolean",
        pl.Int64(): "bigint",
        pl.Int32(): "integer",
        pl.Date(): "date",
        pl.Datetime("us"): "timestamp",
    }
    return plain[dtype]


def _declared(table: Table) -> list[tuple[str, str, str, bool]]:
    return [(column.name, _sql_type(column.dtype), column.meaning, column.nullable) for column in table.columns]


def _contracted(model: dict[str, Any]) -> list[tuple[str, str, str, bool]]:
    return [
        (
            column["name"],
            column["data_type"],
            column["description"],
            not any(c["type"] == "not_null" for c in column["constraints"]),
        )
        for column in model["columns"].values()
    ]


def test_every_model_source_and_column_is_described(manifest: dict[str, Any]) -> None:
    assert not [name for name, description in _described(manifest) if not description.strip()]


def test_the_marts_are_those_that_finance_was_promised(models: dict[str, dict[str, Any]]) -> None:
    marts = {name for name, model in models.items() if model["schema"] == "marts"}
    assert marts == MARTS
    assert {models[name]["database"] for name in marts} == {"published"}


def test_marts_and_the_kernels_input_have_enforced_contracts(models: dict[str, dict[str, Any]]) -> None:
    for name in [*MARTS, "int_usage"]:
        assert models[name]["config"]["contract"]["enforced"], name
        assert all(column["data_type"] for column in models[name]["columns"].values()), name


def test_the_marts_that_are_added_to_are_those_that_a_run_begins_with(models: dict[str, dict[str, Any]]) -> None:
    """What is begun with and not added to would lack what is older; what is added to and not begun with, too."""
    marts = {name: model["config"] for name, model in models.items() if model["schema"] == "marts"}
    assert {name for name, config in marts.items() if config["materialized"] == "incremental"} == {*published.MAY_CHANGE}


def test_the_kernels_input_is_what_rating_declares(models: dict[str, dict[str, Any]]) -> None:
    assert _contracted(models["int_usage"]) == _declared(tables.USAGE)


@pytest.mark.parametrize("table", tables.DOCUMENT_TABLES, ids=lambda table: table.name)
def test_documents_are_shown_as_rating_declares_them(models: dict[str, dict[str, Any]], table: Table) -> None:
    shown = [column for column in _declared(table) if column[0] != "group_values"]
    assert _contracted(models[table.name]) == shown


@pytest.mark.parametrize(
    "table",
    [*tables.BOOKS_TABLES, *tables.DOCUMENT_TABLES, tables.RATED_PERIODS, tables.UNBILLED_USAGE, *SCHEDULE],
    ids=lambda table: table.name,
)
def test_sources_are_described_as_rating_declares_them(manifest: dict[str, Any], table: Table) -> None:
    schema = "books" if table in tables.BOOKS_TABLES else "schedule" if table in SCHEDULE else "rating"
    columns = _sources(manifest, schema)[table.name]["columns"].values()
    assert [(column["name"], column["description"]) for column in columns] == [(c.name, c.meaning) for c in table.columns]


@pytest.mark.parametrize("part", contents.PARTS, ids=lambda table: table.name)
def test_contents_of_closed_periods_are_described_as_they_are_noted(manifest: dict[str, Any], part: Table) -> None:
    columns = _sources(manifest, "closed")[part.name]["columns"].values()
    assert [(column["name"], column["description"]) for column in columns] == [(c.name, c.meaning) for c in part.columns]


def test_every_table_has_a_tested_key(manifest: dict[str, Any], models: dict[str, dict[str, Any]]) -> None:
    keyed = {
        node["attached_node"]
        for node in manifest["nodes"].values()
        if (node.get("test_metadata") or {}).get("name") == "unique_key"
    }
    # one column of hashes, grouped by; millions of events, whose key is landing's to prove; and groups, which are added up anyway
    exempt = {
        "int_repeated_keys",
        "stg_events",
        "int_event_dispositions",
        "int_metered_events",
        "int_event_groups",
        "int_events_grouped_by_batch",
        "int_events_on_current_routes",
        "int_superseded_and_late_deltas",
        "int_events_counted",
    }
    assert {name for name, model in models.items() if model["unique_id"] not in keyed} == exempt


def test_columns_that_are_described_are_the_columns_that_are_there(acme: Any, models: dict[str, dict[str, Any]]) -> None:
    """Slots beyond the first of each kind are described by their first."""
    acme.meter("CALLS", "sum", "n", groups=["region"], filters=[("channel", "exists", [])])
    acme.below()
    acme.above()
    for name, model in models.items():
        relation = f"{'published.' if model['database'] == 'published' else ''}{model['schema']}.{name}"
        actual = [row[0] for row in acme.ask(f"describe {relation}")]
        if name != "int_event_dispositions":
            assert actual == list(model["columns"]), name
        assert set(model["columns"]) <= set(actual), name


def test_the_models_pass_their_unit_tests(acme: Any) -> None:
    acme.meter("CALLS", "sum", "n", groups=["region"])
    acme.event({"n": 1, "region": "US"})
    acme.below()
    results = [*acme.below(thorough=True), *acme.above(thorough=True)]
    assert sum(result.resource_type == "unit_test" for result in results) >= 6
