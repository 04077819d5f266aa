"""Groups `usage` and `finance`: the dbt models below and above rating, with their tests as blocking checks.

Lineage, words, columns and tests come from dbt's manifest. The models are built in this process and only where their inputs
have changed (`dbt_build_cache.py`), so neither dbt nor dagster-dbt is imported here: together they take as long as a quiet night's run.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import dagster as dg

from dagster_project.checks import gate
from dagster_project.defs.declared import ENGINEERING, FINANCE, Said, report_failures
from dagster_project.defs.partitions import billing_months, one_run
from dagster_project.pipeline import steps
from dagster_project.pipeline.run import Run
from dagster_project.warehouse.dbt_runner import THOROUGH, DbtFailed, DbtHouse, DbtResult

Node = Mapping[str, Any]

MARTS = "marts"
ERROR = "error"
DOING = {steps.BELOW: "turning events into usage", steps.ABOVE: "building what finance reads"}
LAW = {steps.BELOW: gate.USAGE_TESTS, steps.ABOVE: gate.FINANCE_TESTS}
SAID = {steps.BELOW: "Turning events into usage", steps.ABOVE: "Building what finance reads"}


class Project:
    """The models and tests of dbt's manifest, as assets and checks."""

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

    def spec(self, node: Node) -> dg.AssetSpec:
        """The asset of a model: its key is its address in the warehouse."""
        return dg.AssetSpec(
            key=_key(node),
            deps=[_key(self.nodes[parent]) for parent in node["depends_on"]["nodes"]],
            description=node["description"],
            group_name="finance" if node["schema"] == MARTS else "usage",
            owners=[FINANCE if node["schema"] == MARTS else ENGINEERING],
            kinds={"dbt", "duckdb"},
            metadata={"dagster/column_schema": _columns(node)},
            partitions_def=billing_months,
        )

    def check(self, test: Node, model: Node) -> dg.AssetCheckSpec:
        """A test as a check of a model; what it says of itself, else its name, describes it."""
        return dg.AssetCheckSpec(
            test["name"],
            asset=_key(model),
            description=test["description"] or None,
            blocking=test["config"]["severity"].lower() == "error",
        )


def _key(node: Node) -> dg.AssetKey:
    return dg.AssetKey([node["schema"], node["name"]])


def _columns(node: Node) -> dg.TableSchema:
    return dg.TableSchema(
        [
            dg.TableColumn(name, column.get("data_type") or "?", column["description"])
            for name, column in node["columns"].items()
        ]
    )


def _assets(project: Project, name: str, select: str, known: Mapping[str, Node]) -> dg.AssetsDefinition:
    """The models of a selection as one step; known: the models that are built by then."""
    models = project.models(select.split())
    tests = {test["unique_id"]: project.check(test, models[model]) for test, model in project.tests(models, known)}

    @dg.multi_asset(
        name=name,
        specs=[project.spec(node) for node in models.values()],
        check_specs=list(tests.values()),
        backfill_policy=one_run,
    )
    def built(run: dg.ResourceParam[Run]) -> Said:
        run.progress(SAID[select])
        with report_failures(run, DOING[select]):
            results = steps.build(run, select)
            _require_built(results)
            good = {result.unique_id for result in results if result.is_good}
            holds = all(test in good for test, check in tests.items() if check.blocking)
            gate.hold(run.warehouse, run.as_of, LAW[select], holds=holds)
        yield from _told(models, tests, results)

    return built


def _require_built(results: Iterable[DbtResult]) -> None:
    """Raise `DbtFailed` where models could not be built or tests not be run, naming what dbt said."""
    failed = [f"{result.name}: {result.message}" for result in results if result.status == ERROR]
    if failed:
        raise DbtFailed("\n".join(failed))


def _told(models: Mapping[str, Node], tests: Mapping[str, dg.AssetCheckSpec], results: Iterable[DbtResult]) -> Said:
    """What dbt built and tested, as materializations and check results; nothing of what it skipped because a test failed."""
    for result in results:
        figures: dict[str, Any] = {"seconds": round(result.seconds, 3), "status": result.status}
        if result.unique_id in tests:
            check = tests[result.unique_id].key
            if result.failures is not None:
                figures["failures"] = result.failures
            yield dg.AssetCheckResult(
                passed=result.is_good,
                asset_key=check.asset_key,
                check_name=check.name,
                description=result.message,
                metadata=figures,
            )
        elif result.is_good and result.unique_id in models:
            yield dg.MaterializeResult(asset_key=_key(models[result.unique_id]), metadata=figures)


_project = Project(json.loads(DbtHouse.manifest_path().read_text()))
_below = _project.models(steps.BELOW.split())
_above = _project.models(steps.ABOVE.split())
below = _assets(_project, "usage_models", steps.BELOW, _below)
above = _assets(_project, "finance_models", steps.ABOVE, _below | _above)
