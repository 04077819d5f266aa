"""Checks beside the graph: Great Expectations at its two doors, balance of dispositions, and what deserves a look."""

from collections.abc import Iterator, Sequence

import dagster as dg

from dagster_project.defs.declared import POOL, checked, key_of, said_in_sentences
from dagster_project.pipeline import nightly
from dagster_project.pipeline.nightly import Step
from dagster_project.pipeline.run import Run
from dagster_project.pipeline.said import Checked, Key
from rating.rate import EVERY_MONTH


def _checks(step: Step, specs: Sequence[dg.AssetCheckSpec]) -> dg.AssetChecksDefinition:
    """A step that checks and makes nothing."""

    @dg.multi_asset_check(name=step.name, specs=specs, pool=POOL)
    def check(context: dg.AssetCheckExecutionContext, meterhouse_run: dg.ResourceParam[Run]) -> Iterator[dg.AssetCheckResult]:
        for one in said_in_sentences(context, meterhouse_run, step, EVERY_MONTH):
            assert isinstance(one, Checked)
            yield checked(one)

    return check


def _blocking(table: Key, name: str, step: Step) -> dg.AssetCheckSpec:
    return dg.AssetCheckSpec(name, asset=key_of(table), blocking=True, description=step.work.__doc__)


usage_expectations = _checks(
    nightly.USAGE_EXPECTATIONS, [_blocking(nightly.USAGE, nightly.EXPECTATIONS, nightly.USAGE_EXPECTATIONS)]
)
line_expectations = _checks(
    nightly.LINE_EXPECTATIONS, [_blocking(nightly.INVOICE_LINES, nightly.EXPECTATIONS, nightly.LINE_EXPECTATIONS)]
)
dispositions_balance = _checks(
    nightly.BALANCE, [_blocking(nightly.RECONCILIATION, nightly.DISPOSITIONS_BALANCE, nightly.BALANCE)]
)
looks = _checks(
    nightly.ATTENTION,
    [dg.AssetCheckSpec(look.name, asset=key_of(look.table), description=look.says) for look in nightly.LOOKS],
)
