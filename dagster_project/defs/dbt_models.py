"""Groups `usage` and `finance`: the dbt models below and above rating, with their tests as blocking checks.

Lineage, words, columns and tests come from dbt's manifest (`pipeline/models.py`).
"""

from __future__ import annotations

import dagster as dg

from dagster_project.defs.declared import ENGINEERING, FINANCE, Said, carried_out
from dagster_project.defs.partitions import billing_months, one_run
from dagster_project.pipeline import models, nightly, steps
from dagster_project.pipeline.models import Node
from dagster_project.pipeline.nightly import Step
from dagster_project.pipeline.run import Run

MARTS = "marts"
GROUPS = {MARTS: "finance", models.CUSTOM: models.CUSTOM}


def _spec(node: Node) -> dg.AssetSpec:
    """The asset of a model: its key is its address in the warehouse."""
    nodes = models.project().nodes
    return dg.AssetSpec(
        key=list(models.table_of(node)),
        deps=[list(models.table_of(nodes[parent])) for parent in node["depends_on"]["nodes"]],
        description=node["description"] or node["name"],
        group_name=GROUPS.get(node["schema"], "usage"),
        owners=[FINANCE if node["schema"] == MARTS else ENGINEERING],
        skippable=models.is_custom(node),
        kinds={"dbt", "duckdb"},
        metadata={"dagster/column_schema": _columns(node)},
        partitions_def=billing_months,
    )


def _columns(node: Node) -> dg.TableSchema:
    return dg.TableSchema(
        [
            dg.TableColumn(name, column.get("data_type") or "?", column["description"])
            for name, column in node["columns"].items()
        ]
    )


def _custom_models() -> list[dg.AssetCheckSpec]:
    """Whether the team's own models could be built, where there are any."""
    if not models.project().models([models.CUSTOM]):
        return []
    words = "Models in dbt/models/custom are built; what is wrong with one of them stops nothing."
    return [dg.AssetCheckSpec(nightly.CUSTOM_MODELS, asset=list(nightly.INVOICES_MART), description=words)]


def _assets(step: Step, select: str) -> dg.AssetsDefinition:
    """The models of a selection, with the tests that run with them, as one step. A test says what it is of itself, else by its name."""

    @dg.multi_asset(
        name=step.name,
        specs=[_spec(node) for node in nightly.models_of(select).values()],
        check_specs=[
            dg.AssetCheckSpec(
                test["name"], asset=list(table), description=test["description"] or None, blocking=models.is_blocking(test)
            )
            for test, table in nightly.tests_of(select).values()
        ]
        + (_custom_models() if select == steps.ABOVE else []),
        backfill_policy=one_run,
    )
    def built(run: dg.ResourceParam[Run]) -> Said:
        yield from carried_out(run, step)

    return built


below = _assets(nightly.USAGE_MODELS, steps.BELOW)
above = _assets(nightly.FINANCE_MODELS, steps.ABOVE)
