"""Groups `usage` and `finance`: the dbt models below and above rating, with their tests as blocking checks.

Lineage, words and columns come from dbt's manifest; the models are built in this process (`dbt_house.py`), which saves the
8 s that a dbt subprocess takes to start.
"""

import json
from collections.abc import Mapping
from typing import Any

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, DagsterDbtTranslatorSettings, dbt_assets

from dagster_project import steps
from dagster_project.assets.declared import ENGINEERING, FINANCE, Said, in_sentences
from dagster_project.dbt_house import THOROUGH, DbtHouse, DbtResult
from dagster_project.partitions import billing_months, one_run
from dagster_project.run import Run

# how dagster-dbt ties a check to its dbt test
DBT_UNIQUE_ID = "dagster_dbt/unique_id"
MARTS = "marts"
SAID = {steps.BELOW: "Turning events into usage", steps.ABOVE: "Building what finance reads"}


class Names(DagsterDbtTranslator):  # type: ignore[misc]
    """Keys are warehouse addresses: schema and table. Groups follow the graph, not the folders."""

    def __init__(self) -> None:
        super().__init__(DagsterDbtTranslatorSettings(enable_source_tests_as_checks=True))

    def get_asset_key(self, dbt_resource_props: Mapping[str, Any]) -> dg.AssetKey:
        return dg.AssetKey([dbt_resource_props["schema"], dbt_resource_props["name"]])

    def get_group_name(self, dbt_resource_props: Mapping[str, Any]) -> str:
        return "finance" if dbt_resource_props["schema"] == MARTS else "usage"

    def get_owners(self, dbt_resource_props: Mapping[str, Any]) -> list[str]:
        return [FINANCE if dbt_resource_props["schema"] == MARTS else ENGINEERING]

    def get_description(self, dbt_resource_props: Mapping[str, Any]) -> str:
        return str(dbt_resource_props.get("description", ""))


NAMES = Names()


def _models(select: str, name: str) -> dg.AssetsDefinition:
    manifest = json.loads(DbtHouse.manifest_path().read_text())

    @dbt_assets(  # type: ignore[untyped-decorator]
        manifest=manifest,
        select=select,
        exclude=THOROUGH,  # these look at the SQL, not at the night's data
        name=name,
        dagster_dbt_translator=NAMES,
        partitions_def=billing_months,
        backfill_policy=one_run,
        required_resource_keys={"run"},
    )
    def models(context: dg.AssetExecutionContext) -> Said:
        run: Run = context.resources.run
        run.progress(SAID[select])
        with in_sentences():
            results = steps.build(run, select)
        yield from _told(context.assets_def, manifest, results)

    built: dg.AssetsDefinition = models
    return built


def _told(assets: dg.AssetsDefinition, manifest: Mapping[str, Any], results: list[DbtResult]) -> Said:
    """What dbt built and tested, as materializations and check results.

    Raises `dg.Failure` for a model that could not be built and for a failed test that belongs to no single model.
    """
    checks = {spec.metadata[DBT_UNIQUE_ID]: spec.key for spec in assets.check_specs}
    unplaced = []
    for result in results:
        if result.unique_id in checks:
            key = checks[result.unique_id]
            yield dg.AssetCheckResult(
                passed=result.is_good,
                asset_key=key.asset_key,
                check_name=key.name,
                description=result.message,
                metadata=_figures(result),
            )
        elif result.resource_type == "model" and result.is_good:
            yield dg.MaterializeResult(
                asset_key=NAMES.get_asset_key(manifest["nodes"][result.unique_id]), metadata=_figures(result)
            )
        elif not result.is_good:
            unplaced.append(f"{result.name}: {result.message or result.status}")
    if unplaced:
        raise dg.Failure("\n".join(unplaced), allow_retries=False)


def _figures(result: DbtResult) -> dict[str, Any]:
    failures = {} if result.failures is None else {"failures": result.failures}
    return {"seconds": round(result.seconds, 3), "status": result.status, **failures}


below = _models(steps.BELOW, "usage_models")
above = _models(steps.ABOVE, "finance_models")
