"""From the pipeline's steps and declared tables to assets and checks: one way to say what each is and what a step says of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl

from dagster_project.defs.partitions import billing_months
from dagster_project.pipeline.job import StepFailed, said_by
from dagster_project.pipeline.nightly import Step
from dagster_project.pipeline.run import Run
from dagster_project.pipeline.said import Checked, Figure, Made
from rating.rate import EVERY_MONTH, Months
from rating.tables import Table

ENGINEERING = "team:billing-engineering"
FINANCE = "team:finance"
MOST_ROWS_SHOWN = 20
KIND = "kind"  # metadata of a failed step: the name of its `failure_report.Kind`

# what a step says of its assets and their checks
Materialized = dg.MaterializeResult[None]
Said = Iterator[Materialized | dg.AssetCheckResult]


def spec(
    schema: str,
    table: Table,
    *,
    group: str,
    deps: Iterable[dg.AssetKey] = (),
    kinds: Iterable[str] = ("polars", "parquet"),
    owner: str = ENGINEERING,
    monthly: bool = False,
) -> dg.AssetSpec:
    """The asset of a declared table: key (schema, table), described by its grain, with its columns."""
    return dg.AssetSpec(
        key=[schema, table.name],
        description=f"Each row is {table.grain}.",
        group_name=group,
        owners=[owner],
        kinds=set(kinds),
        deps=list(deps),
        metadata={"dagster/column_schema": column_schema(table)},
        partitions_def=billing_months if monthly else None,
    )


def column_schema(table: Table) -> dg.TableSchema:
    """The columns of a declared table as Dagster shows them."""
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                column.name,
                type=str(column.dtype),
                description=column.meaning,
                constraints=dg.TableColumnConstraints(
                    nullable=column.nullable, other=["key"] if column.name in table.key else []
                ),
            )
            for column in table.columns
        ],
        constraints=dg.TableConstraints(other=[f"unique: {', '.join(table.key)}"]),
    )


def carried_out(run: Run, step: Step, months: Months = EVERY_MONTH) -> Said:
    """Carry out a step of the pipeline, and say to Dagster what it says. Whatever goes wrong ends it as sentences (law 10)."""
    try:
        for one in said_by(step, run, months):
            yield checked(one) if isinstance(one, Checked) else _materialized(one)
    except StepFailed as failed:
        raise dg.Failure(
            description="\n".join(failed.report.sentences), metadata={KIND: failed.report.kind.name}, allow_retries=False
        ) from failed.__cause__


def _materialized(made: Made) -> Materialized:
    return dg.MaterializeResult(asset_key=list(made.table), metadata=_metadata(made.figures))


def checked(one: Checked) -> dg.AssetCheckResult:
    """What was checked, as Dagster shows it."""
    return dg.AssetCheckResult(
        passed=one.passed,
        asset_key=list(one.table),
        check_name=one.name,
        severity=dg.AssetCheckSeverity.ERROR if one.blocking else dg.AssetCheckSeverity.WARN,
        description=one.says or None,
        metadata=_metadata(one.figures),
    )


def _metadata(figures: Mapping[str, Figure]) -> dict[str, Any]:
    return {"dagster/row_count" if name == "row_count" else name: _shown(figure) for name, figure in figures.items()}


def _shown(figure: Figure) -> Any:
    if isinstance(figure, pl.DataFrame):
        return to_markdown(figure)
    return dg.MetadataValue.path(str(figure)) if isinstance(figure, Path) else figure


def to_markdown(frame: pl.DataFrame, most: int = MOST_ROWS_SHOWN) -> dg.MarkdownMetadataValue:
    """A small frame as a table of Markdown."""
    rows = [frame.columns, ["---"] * frame.width, *([_cell(value) for value in row] for row in frame.head(most).rows())]
    return dg.MetadataValue.md("\n".join(f"| {' | '.join(row)} |" for row in rows))


def _cell(value: Any) -> str:
    return "" if value is None else str(value).replace("|", "\\|").replace("\n", " ")
