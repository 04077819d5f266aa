"""From the pipeline's steps and declared tables to assets and checks: one way to say what each is and what a step says of it."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl

from dagster_project.defs.partitions import billing_months
from dagster_project.pipeline.failure_report import Kind
from dagster_project.pipeline.job import StepFailed, said_by
from dagster_project.pipeline.nightly import Step
from dagster_project.pipeline.run import Run
from dagster_project.pipeline.said import Checked, Figure, Key, Made
from rating.rate import EVERY_MONTH, Months
from rating.tables import Table

ENGINEERING = "team:billing-engineering"
FINANCE = "team:finance"
PREFIX = "meterhouse"  # of every asset key, so that a team's own marts beside them have other keys
POOL = "meterhouse_warehouse"  # what writes to the warehouse: a warehouse has one writer
MOST_ROWS_SHOWN = 20
KIND = "kind"  # metadata of a failed step: the name of its `failure_report.Kind`
# a run in which a process died is launched again; one that ended with sentences is not, for they say what a person has to do
RETRIES = {
    "dagster/max_retries": "2",
    "dagster/retry_strategy": "ALL_STEPS",
    "dagster/retry_on_asset_or_op_failure": "false",
}
AND_AFTER_FAILURES = {**RETRIES, "dagster/retry_on_asset_or_op_failure": "true"}

# what a step says of its assets and their checks
Materialized = dg.MaterializeResult[None]
Said = Iterator[Materialized | dg.AssetCheckResult]


def key_of(table: Key) -> dg.AssetKey:
    """The asset of a table."""
    return dg.AssetKey([PREFIX, *table])


def table_of(key: dg.AssetKey) -> Key:
    """The table of an asset."""
    schema, name = key.path[-2:]
    return schema, name


def spec(
    schema: str,
    table: Table,
    *,
    group: str,
    made_by: Callable[..., object],
    deps: Iterable[dg.AssetKey] = (),
    kinds: Iterable[str] = ("polars", "parquet"),
    owner: str = ENGINEERING,
) -> dg.AssetSpec:
    """The asset of a declared table, described by its grain, with its columns and the place of the code that makes it."""
    return dg.AssetSpec(
        key=key_of((schema, table.name)),
        description=f"Each row is {table.grain}.",
        group_name=group,
        owners=[owner],
        kinds=set(kinds),
        deps=list(deps),
        metadata={"dagster/column_schema": column_schema(table), **code_of(made_by)},
        partitions_def=billing_months,
    )


def code_of(work: Callable[..., object]) -> dict[str, dg.CodeReferencesMetadataValue]:
    """Metadata that leads from an asset to the function that makes it."""
    return code_at(Path(inspect.getfile(work)), inspect.getsourcelines(work)[1], work.__name__)


def code_at(file: Path, line: int, label: str) -> dict[str, dg.CodeReferencesMetadataValue]:
    """Metadata that leads from an asset to a line of a file."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dg.BetaWarning)
        place = dg.LocalFileCodeReference(file_path=str(file), line_number=line, label=label)
        return {"dagster/code_references": dg.CodeReferencesMetadataValue(code_references=[place])}


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


def carried_out(context: dg.AssetExecutionContext, run: Run, step: Step, months: Months = EVERY_MONTH) -> Said:
    """Carry out a step of the pipeline, and say to Dagster what it says of the tables and checks that the run is for.

    Steps are subsettable for this reason: of others Dagster refuses "Materialize all" over several months (1.13 takes the same months
    for different ones where tables of a step have different numbers of parents).
    """
    for one in said_in_sentences(context, run, step, months):
        if isinstance(one, Checked):
            if dg.AssetCheckKey(key_of(one.table), one.name) in context.selected_asset_check_keys:
                yield checked(one)
        elif key_of(one.table) in context.selected_asset_keys:
            yield _materialized(context, one)


def said_in_sentences(
    context: dg.AssetExecutionContext | dg.AssetCheckExecutionContext | dg.OpExecutionContext,
    run: Run,
    step: Step,
    months: Months,
) -> Iterator[Made | Checked]:
    """What a step says. Raises `dg.Failure` with sentences; where damaged files were removed, the run is worth another attempt."""
    try:
        yield from said_by(step, run, months)
    except StepFailed as failed:
        if failed.report.kind is Kind.REMOVED:
            context.instance.add_run_tags(context.run.run_id, AND_AFTER_FAILURES)
        raise dg.Failure(
            description="\n".join(failed.report.sentences), metadata={KIND: failed.report.kind.name}, allow_retries=False
        ) from failed.__cause__


def _materialized(context: dg.AssetExecutionContext, made: Made) -> Materialized:
    chosen = context.partition_keys if context.has_partition_key or context.has_partition_key_range else []
    by_month = made.by_month() if chosen else {}
    for month in sorted(set(chosen) & set(by_month)):
        context.add_asset_metadata(metadata_of(by_month[month]), asset_key=key_of(made.table), partition_key=month)
    return dg.MaterializeResult(asset_key=key_of(made.table), metadata=metadata_of(made.figures))


def checked(one: Checked) -> dg.AssetCheckResult:
    """What was checked, as Dagster shows it."""
    return dg.AssetCheckResult(
        passed=one.passed,
        asset_key=key_of(one.table),
        check_name=one.name,
        severity=dg.AssetCheckSeverity.ERROR if one.blocking else dg.AssetCheckSeverity.WARN,
        description=one.says or None,
        metadata=metadata_of(one.figures),
    )


def metadata_of(figures: Mapping[str, Figure]) -> dict[str, Any]:
    """Figures as Dagster shows them; it draws numbers over time."""
    return {"dagster/row_count" if name == "row_count" else name: _shown(figure) for name, figure in figures.items()}


def _shown(figure: Figure) -> Any:
    if isinstance(figure, pl.DataFrame):
        return to_markdown(figure)
    if isinstance(figure, Decimal):
        # for a plot, which has floats alone; the exact amount stands in the table beside it and in the marts
        return dg.MetadataValue.float(float(figure))
    if isinstance(figure, Path):
        return dg.MetadataValue.path(str(figure))
    return figure() if callable(figure) else figure


def to_markdown(frame: pl.DataFrame, most: int = MOST_ROWS_SHOWN) -> dg.MarkdownMetadataValue:
    """A small frame as a table of Markdown."""
    rows = [frame.columns, ["---"] * frame.width, *([_cell(value) for value in row] for row in frame.head(most).rows())]
    return dg.MetadataValue.md("\n".join(f"| {' | '.join(row)} |" for row in rows))


def _cell(value: Any) -> str:
    return "" if value is None else str(value).replace("|", "\\|").replace("\n", " ")
