"""The graph as Dagster shows it: small enough to read, and every asset with its words."""

from __future__ import annotations

from datetime import UTC, datetime

import dagster as dg
import pytest

from dagster_project.definitions import defs
from dagster_project.defs.schedules import nightly_schedule

# group -> groups it reads from
EDGES = {
    "landing": set(),
    "books": {"books"},
    "usage": {"landing", "books", "usage"},
    "rating": {"books", "usage"},
    "finance": {"landing", "books", "usage", "rating", "finance", "documents"},
    "documents": {"finance"},
}
BY_MONTH = {"usage", "rating", "finance", "documents"}


@pytest.fixture(scope="module")
def graph() -> dg.AssetGraph:
    return defs.resolve_asset_graph()


@pytest.fixture(scope="module")
def keys(graph: dg.AssetGraph) -> list[dg.AssetKey]:
    return sorted(graph.get_all_asset_keys())


def test_groups_read_from_each_other_in_one_direction(graph: dg.AssetGraph, keys: list[dg.AssetKey]) -> None:
    found: dict[str, set[str]] = {group: set() for group in EDGES}
    for key in keys:
        node = graph.get(key)
        found[str(node.group_name)] |= {str(graph.get(parent).group_name) for parent in node.parent_keys}
    assert found == EDGES


def test_every_asset_has_a_key_of_two_words_a_description_an_owner_and_kinds(
    graph: dg.AssetGraph, keys: list[dg.AssetKey]
) -> None:
    for key in keys:
        node = graph.get(key)
        assert len(key.path) == 2, key
        assert node.description, key
        assert node.owners, key
        assert node.kinds, key


def test_every_table_of_usage_rating_and_finance_is_kept_by_month(graph: dg.AssetGraph, keys: list[dg.AssetKey]) -> None:
    published = dg.AssetKey(["finance", "meterhouse"])
    for key in keys:
        if graph.get(key).group_name in BY_MONTH and key != published:
            assert graph.get(key).partitions_def is not None, key


def test_nothing_is_issued_past_a_check_that_blocks(graph: dg.AssetGraph) -> None:
    """What is issued comes after every mart, and the laws of documents stand before the marts."""
    upstream = {dg.AssetKey(["documents", "issued"])}
    while more := {parent for key in upstream for parent in graph.get(key).parent_keys} - upstream:
        upstream |= more
    blocking = {check.name for check in graph.asset_check_keys if graph.get(check).blocking and check.asset_key in upstream}
    assert {
        "lines_balance",
        "dispositions_balance",
        "totals_tie",
        "credits_tie",
        "balances_tie",
        "numbers_have_no_gap",
    } <= blocking
    assert {"expectations", "invoices_sum_their_lines", "ledger_pays_what_lines_say"} <= blocking


def test_the_schedule_gives_the_run_its_clock() -> None:
    tick = dg.build_schedule_context(scheduled_execution_time=datetime(2026, 2, 1, 5, tzinfo=UTC))
    request = nightly_schedule(tick)
    assert isinstance(request, dg.RunRequest)
    config = request.run_config["resources"]["run"]["config"]
    assert config == {"as_of": tick.scheduled_execution_time.replace(tzinfo=None).isoformat(), "every_month": True}
