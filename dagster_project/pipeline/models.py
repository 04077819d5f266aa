"""The dbt models below and above rating, with the tests that run with them, as dbt's manifest has them.

Importing dbt takes as long as a quiet night's run, so it is not asked: the manifest is a file, and models are built only where their
inputs have changed (`warehouse/dbt_build_cache.py`).
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from dagster_project.pipeline.said import Key
from dagster_project.warehouse.database import connect
from dagster_project.warehouse.dbt_runner import THOROUGH, DbtFailed, DbtHouse, DbtResult

Node = Mapping[str, Any]
ERROR = "error"
CUSTOM = "custom"  # folder and schema of models that the team has added (docs/dbt.md)


class Project:
    """The models and tests of a manifest."""

    def __init__(self, manifest: Mapping[str, Any]) -> None:
        self.nodes: dict[str, Node] = {**manifest["sources"], **manifest["nodes"]}

    def models(self, schemas: Iterable[str]) -> dict[str, Node]:
        """Models of these schemas, by unique id."""
        return {
            name: node for name, node in self.nodes.items() if node["resource_type"] == "model" and node["schema"] in schemas
        }

    def tests(self, models: Mapping[str, Node], known: Mapping[str, Node]) -> Iterator[tuple[Node, str]]:
        """Tests that run once `models` are built, each with the model it is shown at; all models of a test must be known."""
        for node in self.nodes.values():
            if node["resource_type"] != "test" or THOROUGH.removeprefix("tag:") in node["config"]["tags"]:
                continue
            compared = [parent for parent in node["depends_on"]["nodes"] if self.nodes[parent]["resource_type"] == "model"]
            shown_at = (
                [node["attached_node"]]
                if node.get("attached_node") in models
                else [name for name in compared if name in models]
            )
            if shown_at and all(name in known for name in compared):
                yield node, shown_at[0]


@cache
def project() -> Project:
    """The project as it was parsed last, parsed anew where a file of it has changed."""
    return Project(json.loads(DbtHouse.manifest_path().read_text()))


def table_of(node: Node) -> Key:
    """The address of a model or source in the warehouse."""
    return node["schema"], node["name"]


def is_custom(node: Node) -> bool:
    """Whether a model or test is of the team's own. Nothing that they say stops a run."""
    return bool(node["fqn"][1] == CUSTOM)


def is_blocking(test: Node) -> bool:
    return bool(test["config"]["severity"].lower() == "error" and not is_custom(test))


def drop_unknown(database: Path, schemas: Collection[str]) -> None:
    """Drop what no model makes from schemas that only models fill: an earlier version of the project has left it."""
    if not database.exists():
        return
    known = {table_of(node) for node in project().models(schemas).values()}
    with connect(database) as connection:
        relations = connection.execute(
            """
            select schema_name, table_name, 'table' from duckdb_tables() where not internal
            union all
            select schema_name, view_name, 'view' from duckdb_views() where not internal
            """
        ).fetchall()
        for schema, name, kind in relations:
            if schema in schemas and (schema, name) not in known:
                connection.execute(f'drop {kind} "{schema}"."{name}"')


def require_built(results: Iterable[DbtResult]) -> None:
    """Raise `DbtFailed` where models could not be built or tests not be run, naming what dbt said."""
    failed = [f"{result.name}: {result.message}" for result in results if result.status == ERROR]
    if failed:
        raise DbtFailed("\n".join(failed))
