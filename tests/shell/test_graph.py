"""The graph as Dagster shows it: small enough to read, and every asset with its words."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest

from dagster_project.definitions import defs
from dagster_project.defs.declared import key_of
from dagster_project.defs.partitions import billing_months, one_run
from dagster_project.defs.schedules import nightly_schedule
from dagster_project.pipeline.nightly import ISSUED

# group -> groups it reads from
EDGES = {
    "landing": set(),
    "deals": {"deals"},
    "books": {"books"},
    "usage": {"landing", "books", "usage"},
    "rating": {"books", "usage"},
    "finance": {"landing", "books", "usage", "rating", "finance", "documents"},
    "documents": {"finance"},
}


@pytest.fixture(scope="module")
def graph() -> dg.AssetGraph:
    return defs().resolve_asset_graph()


@pytest.fixture(scope="module")
def keys(graph: dg.AssetGraph) -> list[dg.AssetKey]:
    return sorted(graph.get_all_asset_keys())


def test_groups_read_from_each_other_in_one_direction(graph: dg.AssetGraph, keys: list[dg.AssetKey]) -> None:
    found: dict[str, set[str]] = {group: set() for group in EDGES}
    for key in keys:
        node = graph.get(key)
        found[str(node.group_name)] |= {str(graph.get(parent).group_name) for parent in node.parent_keys}
    assert found == EDGES


def test_every_asset_has_a_key_of_its_own_a_description_an_owner_kinds_and_the_place_of_its_code(
    graph: dg.AssetGraph, keys: list[dg.AssetKey]
) -> None:
    for key in keys:
        node = graph.get(key)
        assert (len(key.path), key.path[0]) in ((3, "meterhouse"), (2, "salesforce")), key
        [place] = node.metadata["dagster/code_references"].code_references
        assert Path(place.file_path).exists(), key
        assert node.description, key
        assert node.owners, key
        assert node.kinds, key


def test_every_table_is_kept_by_month_and_many_months_are_one_run(graph: dg.AssetGraph, keys: list[dg.AssetKey]) -> None:
    for key in keys:
        node = graph.get(key)
        if node.group_name != "deals":
            assert (node.partitions_def, node.backfill_policy) == (billing_months, one_run), key
            # what Dagster compares months of table by table, and does not do well: launched over two months it refuses others
            assert node.execution_set_asset_keys == {key}, key


def test_nothing_is_issued_past_a_check_that_blocks(graph: dg.AssetGraph) -> None:
    """What is issued comes after every mart, and the laws of documents stand before the marts."""
    upstream = {key_of(ISSUED)}
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
    config = request.run_config["resources"]["meterhouse_run"]["config"]
    assert config == {"as_of": tick.scheduled_execution_time.replace(tzinfo=None).isoformat()}
