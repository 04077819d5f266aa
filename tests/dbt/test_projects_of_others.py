"""A team's own models: in a project that reads the published marts, and in dbt/models/custom."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import duckdb
import pytest

from dagster_project.warehouse.database import connect
from dagster_project.warehouse.dbt_runner import DbtHouse
from tests.dbt.marts_as_sources import sources

REPOSITORY = Path(__file__).parents[2]
EXAMPLE = REPOSITORY / "docs" / "examples" / "analytics"
ACME = REPOSITORY / "contracts_data" / "acme_ai"


def _meterhouse(house: Path, folder: Path, as_of: str) -> subprocess.CompletedProcess[str]:
    """A night of the sample books over `folder`, with the code in `house`."""
    places = ["--books", str(ACME), "--inbox", str(folder / "inbox"), "--warehouse", str(folder / "warehouse")]
    return subprocess.run(
        [sys.executable, "-m", "dagster_project", "run", *places, "--as-of", as_of, "--yes"],
        cwd=house,
        env={**os.environ, "PYTHONPATH": str(house), "COLUMNS": "300"},
        capture_output=True,
        text=True,
        check=False,
    )


def _dbt(project: Path, *arguments: str, **environment: str) -> str:
    """What dbt says to a command that a person types in the folder of a project."""
    said = subprocess.run(
        [sys.executable, "-m", "dbt.cli.main", *arguments, "--no-send-anonymous-usage-stats", "--no-use-colors"],
        cwd=project,
        env={**os.environ, "DO_NOT_TRACK": "1", "DBT_PROFILES_DIR": str(project), **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert said.returncode == 0, said.stdout + said.stderr
    return said.stdout


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The code with two models that a team has added: one is built, one cannot be."""
    house = tmp_path_factory.mktemp("house")
    for part in ("dagster_project", "rating", "dbt"):
        shutil.copytree(REPOSITORY / part, house / part, ignore=shutil.ignore_patterns("__pycache__", "logs"))
    custom = house / "dbt" / "models" / "custom"
    (custom / "largest_documents.sql").write_text(
        "select invoice_id, total from {{ ref('invoices') }} order by total desc limit 3"
    )
    # what our own way of building tables does not know, and dbt-duckdb's does
    (custom / "indexed_documents.sql").write_text(
        "{{ config(indexes=[{'columns': ['invoice_id'], 'unique': true}]) }} select invoice_id from {{ ref('invoices') }}"
    )
    (custom / "totals.sql").write_text(
        "{{ config(materialized='incremental', incremental_strategy='delete+insert', unique_key='currency') }} "
        "select currency, sum(total) as total from {{ ref('invoices') }} group by currency"
    )
    (custom / "drafts.sql").write_text(
        "{{ config(materialized='view', post_hook='create or replace table published.custom.hooked as select 1 as one') }} "
        "select invoice_id from {{ ref('invoices') }} where status = 'draft'"
    )
    (custom / "broken.sql").write_text("select cast(invoice_id as integer) as number from {{ ref('invoices') }}")
    (custom / "_custom__models.yml").write_text(
        """
version: 2
models:
- name: largest_documents
  columns:
  - name: total
    description: what is due
    data_tests:
    - accepted_values: {arguments: {values: [-1]}}
- name: documents_in_euros
  config: {enabled: false}
"""
    )
    return house


@pytest.fixture(scope="module")
def first(house: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A folder with a warehouse of one night, and what that night said."""
    folder = tmp_path_factory.mktemp("nights")
    (folder / "inbox").mkdir()
    shutil.copy(ACME / "sample_events" / "2026-02.jsonl", folder / "inbox")
    said = _meterhouse(house, folder, "2026-03-05")
    assert said.returncode == 0, said.stdout + said.stderr
    return folder, said.stdout


def test_the_sources_that_others_copy_are_the_marts() -> None:
    made = sources(json.loads(DbtHouse.manifest_path().read_text()))
    assert (EXAMPLE / "models" / "sources.yml").read_text() == made, "python -m tests.dbt.marts_as_sources"


def test_the_folder_for_models_of_others_holds_none_of_ours() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "dbt/models/custom"], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    if listed.returncode:
        pytest.skip("Not a checkout: git cannot say which files are ours.")
    assert set(listed.stdout.split()) <= {"dbt/models/custom/README.md"}


@pytest.mark.slow
def test_custom_models_are_published_with_the_marts_and_stop_nothing(first: tuple[Path, str]) -> None:
    folder, said = first
    with connect(folder / "warehouse" / "meterhouse.duckdb", read_only=True) as database:
        tables = {
            row[0] for row in database.sql("select table_name from duckdb_tables() where schema_name = 'custom'").fetchall()
        }
        assert tables == {"largest_documents", "indexed_documents", "totals", "hooked"}
        views = database.sql("select view_name from duckdb_views() where schema_name = 'custom'").fetchall()
        assert ("drafts",) in views
        assert database.sql("select count(*) from duckdb_indexes() where table_name = 'indexed_documents'").fetchall() == [(1,)]
        assert database.sql("select count(*) from custom.totals").fetchall() == [(1,)]
        assert database.sql("select count(*) from custom.largest_documents").fetchall() == [(3,)]
        assert database.sql("select count(*) > 0 from marts.invoices where status = 'issued'").fetchall() == [(True,)]
    assert "broken: " in said
    assert len(list((folder / "warehouse" / "issued").iterdir())) == 1


@pytest.mark.slow
def test_marts_say_in_the_database_what_they_and_their_columns_mean(first: tuple[Path, str]) -> None:
    nodes = json.loads(DbtHouse.manifest_path().read_text())["nodes"].values()
    marts = {node["name"]: node for node in nodes if node["resource_type"] == "model" and node["schema"] == "marts"}
    with connect(first[0] / "warehouse" / "meterhouse.duckdb", read_only=True) as database:
        tables = dict(database.sql("select table_name, comment from duckdb_tables() where schema_name = 'marts'").fetchall())
        columns = database.sql(
            "select table_name, column_name, comment from duckdb_columns() where schema_name = 'marts'"
        ).fetchall()
    assert tables == {name: node["description"] for name, node in marts.items()}
    assert {(table, column): comment for table, column, comment in columns} == {
        (name, column["name"]): column["description"] for name, node in marts.items() for column in node["columns"].values()
    }


@pytest.mark.slow
def test_dbt_docs_are_generated_as_anybody_generates_them(house: Path, first: tuple[Path, str], tmp_path: Path) -> None:
    """With nothing but the warehouse's place; and neither database is touched."""
    warehouse = first[0] / "warehouse"
    _dbt(house / "dbt", "docs", "generate", "--target-path", str(tmp_path), METERHOUSE_WAREHOUSE=str(warehouse))
    shown = {node["metadata"]["name"]: node for node in json.loads((tmp_path / "catalog.json").read_text())["nodes"].values()}
    assert shown["invoices"]["columns"]["total"]["type"] == "DECIMAL(38,4)"
    assert shown["invoices"]["columns"]["total"]["comment"]
    assert {"stg_events", "int_usage", "reconciliation", "largest_documents"} <= set(shown)
    assert not (warehouse / "derived" / "meterhouse.duckdb").exists()


@pytest.mark.slow
def test_what_no_night_asks_holds_for_what_is_published(house: Path, first: tuple[Path, str], tmp_path: Path) -> None:
    """Tests that look at the SQL rather than at the night's data (tag:thorough), as a person asks them of a warehouse."""
    arguments = ["--select", "tag:thorough", "--exclude-resource-type", "unit_test", "--target-path", str(tmp_path)]
    said = _dbt(house / "dbt", "test", *arguments, METERHOUSE_WAREHOUSE=str(first[0] / "warehouse"))
    assert "WARN=0 ERROR=0 SKIP=0" in said
    assert "unique_key_revenue_by_month" in said
    assert "unique_key_int_usage" in said


@pytest.mark.slow
def test_a_project_of_its_own_reads_the_marts_while_a_run_replaces_them(
    house: Path, first: tuple[Path, str], tmp_path: Path
) -> None:
    """Who has them attached keeps what was there, whole; who attaches them afterwards has the new ones; the run waits for nobody."""
    folder, _ = first
    published = folder / "warehouse" / "meterhouse.duckdb"
    project = tmp_path / "analytics"
    shutil.copytree(EXAMPLE, project)
    own = tmp_path / "analytics.duckdb"
    at = {"METERHOUSE_WAREHOUSE": str(folder / "warehouse"), "ANALYTICS_DATABASE": str(own)}

    def built() -> list[tuple[object, ...]]:
        _dbt(project, "build", **at)
        with connect(own, read_only=True) as database:
            return database.sql("select month, sum(amount) from revenue_by_customer group by month order by month").fetchall()

    before = built()
    with duckdb.connect(str(tmp_path / "reader.duckdb")) as reader:
        reader.execute(f"attach '{published}' as meterhouse (read_only)")
        held = reader.sql("select sum(amount), count(*) from meterhouse.marts.invoice_lines").fetchall()
        shutil.copy(ACME / "sample_events" / "2026-03.jsonl", folder / "inbox")
        assert _meterhouse(house, folder, "2026-04-05").returncode == 0
        assert reader.sql("select sum(amount), count(*) from meterhouse.marts.invoice_lines").fetchall() == held
        reader.execute("detach meterhouse")
        reader.execute(f"attach '{published}' as meterhouse (read_only)")
        assert reader.sql("select sum(amount), count(*) from meterhouse.marts.invoice_lines").fetchall() != held
    after = built()
    assert set(before) < set(after)
    assert datetime.fromisoformat(f"{after[-1][0]}-01") > datetime.fromisoformat(f"{before[-1][0]}-01")
