"""Groups `usage` and `finance`: the dbt models below and above rating, with their tests as blocking checks.

Lineage, words, columns and tests come from dbt's manifest (`pipeline/models.py`), which is read when definitions are asked for and not
when this module is imported.
"""

import dagster as dg

from dagster_project.defs.declared import ENGINEERING, FINANCE, POOL, Said, carried_out, code_at, key_of
from dagster_project.defs.partitions import billing_months, one_run
from dagster_project.pipeline import models, nightly, steps
from dagster_project.pipeline.models import Node
from dagster_project.pipeline.nightly import Step
from dagster_project.pipeline.run import Run
from dagster_project.warehouse.dbt_runner import project_folder

MARTS = "marts"
GROUPS = {MARTS: "finance", models.CUSTOM: models.CUSTOM}


def below() -> dg.AssetsDefinition:
    """The models that the kernel reads."""
    return _assets(nightly.USAGE_MODELS, steps.BELOW)


def above() -> dg.AssetsDefinition:
    """The models that finance reads."""
    return _assets(nightly.FINANCE_MODELS, steps.ABOVE)


def _spec(node: Node) -> dg.AssetSpec:
    """The asset of a model: its key is its address in the warehouse."""
    nodes = models.project().nodes
    return dg.AssetSpec(
        key=key_of(models.table_of(node)),
        deps=[key_of(models.table_of(nodes[parent])) for parent in node["depends_on"]["nodes"]],
        description=node["description"] or node["name"],
        group_name=GROUPS.get(node["schema"], "usage"),
        owners=[FINANCE if node["schema"] == MARTS else ENGINEERING],
        skippable=models.is_custom(node),
        kinds={"dbt", "duckdb"},
        metadata={
            "dagster/column_schema": _columns(node),
            **code_at(project_folder() / node["original_file_path"], 1, node["name"]),
        },
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
    return [dg.AssetCheckSpec(nightly.CUSTOM_MODELS, asset=key_of(nightly.INVOICES_MART), description=words)]


def _assets(step: Step, select: str) -> dg.AssetsDefinition:
    """The models of a selection, with the tests that run with them, as one step. A test says what it is of itself, else by its name."""

    @dg.multi_asset(
        name=step.name,
        specs=[_spec(node) for node in nightly.models_of(select).values()],
        check_specs=[
            dg.AssetCheckSpec(
                test["name"], asset=key_of(table), description=test["description"] or None, blocking=models.is_blocking(test)
            )
            for test, table in nightly.tests_of(select).values()
        ]
        + (_custom_models() if select == steps.ABOVE else []),
        backfill_policy=one_run,
        pool=POOL,
        can_subset=True,
    )
    def built(context: dg.AssetExecutionContext, meterhouse_run: dg.ResourceParam[Run]) -> Said:
        yield from carried_out(context, meterhouse_run, step)

    return built
