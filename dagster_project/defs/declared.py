"""From declared tables to assets: one way to say what an asset is and what a materialization of it shows."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import dagster as dg
import polars as pl

from dagster_project.checks.invariants import Proof
from dagster_project.defs.partitions import billing_months
from dagster_project.pipeline.failure_report import chain, describe_failure
from dagster_project.pipeline.run import Run
from rating.tables import Table

ENGINEERING = "team:billing-engineering"
FINANCE = "team:finance"
MOST_ROWS_SHOWN = 20
UNFORESEEN = (Exception, pl.exceptions.PanicException)
KIND = "kind"  # metadata of a failed step: the name of its `failures.Kind`

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


def to_markdown(frame: pl.DataFrame, most: int = MOST_ROWS_SHOWN) -> dg.MarkdownMetadataValue:
    """A small frame as a table of Markdown."""
    rows = [frame.columns, ["---"] * frame.width, *([_cell(value) for value in row] for row in frame.head(most).rows())]
    return dg.MetadataValue.md("\n".join(f"| {' | '.join(row)} |" for row in rows))


def as_check(proof: Proof, asset: Sequence[str]) -> dg.AssetCheckResult:
    """A proof as the result of a blocking check."""
    return dg.AssetCheckResult(
        passed=proof.holds,
        asset_key=list(asset),
        check_name=proof.name,
        severity=dg.AssetCheckSeverity.ERROR,
        description=proof.says,
        metadata={"counterexamples": to_markdown(proof.counterexamples)} if proof.counterexamples.height else {},
    )


@contextlib.contextmanager
def report_failures(run: Run, doing: str) -> Iterator[None]:
    """Whatever goes wrong ends a step as sentences, not as a trace (law 10).

    doing: what the step is at, in words that follow `while`.
    """
    try:
        yield
    except UNFORESEEN as error:
        if interruption := next((one for one in chain(error) if not isinstance(one, UNFORESEEN)), None):
            raise interruption from None  # Ctrl-C, and what somebody stumbled over because of it
        failure = describe_failure(error, run, doing)
        raise dg.Failure(
            description="\n".join(failure.sentences), metadata={KIND: failure.kind.name}, allow_retries=False
        ) from error


def _cell(value: Any) -> str:
    return "" if value is None else str(value).replace("|", "\\|").replace("\n", " ")
