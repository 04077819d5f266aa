"""The job `nightly`: the pipeline's steps one after the other, for whatever month still has something to do.

It is a job of steps and not of assets, for a job of partitioned assets asks for partitions, and which months a night rates is known
once it has read the books. So it needs no partition, and records a table for exactly the months that it rated.
"""

from collections.abc import Iterator

import dagster as dg

from dagster_project.defs.declared import POOL, RETRIES, checked, key_of, metadata_of, said_in_sentences
from dagster_project.defs.partitions import is_on_record
from dagster_project.pipeline.nightly import STEPS, Step
from dagster_project.pipeline.run import Run
from dagster_project.pipeline.said import Checked, Made
from rating.rate import EVERY_MONTH

NIGHTLY = "nightly"
Event = dg.AssetMaterialization | dg.AssetCheckEvaluation | dg.Output[None]


def _op(step: Step, *, is_first: bool) -> dg.OpDefinition:
    @dg.op(
        name=f"night_{step.name}",  # the step of the assets has the plain name, which stands once in a code location
        description=step.work.__doc__,
        ins={} if is_first else {"before": dg.In(dg.Nothing)},
        out=dg.Out(dg.Nothing),
        pool=POOL,
    )
    def carried_out(context: dg.OpExecutionContext, meterhouse_run: dg.ResourceParam[Run]) -> Iterator[Event]:
        broken = []
        for one in said_in_sentences(context, meterhouse_run, step, meterhouse_run.months or EVERY_MONTH):
            if isinstance(one, Made):
                yield from _materialized(meterhouse_run, one)
                continue
            yield _evaluated(one)
            if one.blocking and not one.passed:
                broken.append(one.failure)
        if broken:
            raise dg.Failure("\n".join(broken), allow_retries=False)
        yield dg.Output(None)

    return carried_out


def _materialized(run: Run, made: Made) -> Iterator[dg.AssetMaterialization]:
    """A table, for each month that the run rates."""
    by_month = made.by_month()
    for month in months_rated(run):
        figures = {**made.figures, **by_month.get(month, {})}
        yield dg.AssetMaterialization(key_of(made.table), partition=month, metadata=metadata_of(figures))


def months_rated(run: Run) -> list[str]:
    """The months that a run rates, of those that Dagster keeps a record of."""
    return [month for month in run.open_months if is_on_record(month)]


def _evaluated(one: Checked) -> dg.AssetCheckEvaluation:
    result = checked(one)
    return dg.AssetCheckEvaluation(
        asset_key=key_of(one.table),
        check_name=one.name,
        passed=one.passed,
        metadata=result.metadata,
        severity=result.severity,
        description=result.description,
        blocking=one.blocking,
    )


@dg.job(
    name=NIGHTLY,
    description="Land what is new, rate every month that still has something to do, issue what is due.",
    executor_def=dg.in_process_executor,
    tags=RETRIES,
)
def nightly() -> None:
    first, *others = STEPS
    before = _op(first, is_first=True).alias(first.name)()
    for step in others:
        before = _op(step, is_first=False).alias(step.name)(before=before)
