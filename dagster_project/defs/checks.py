"""Checks beside the graph: Great Expectations at its two doors, balance of dispositions, and what deserves a look."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import dagster as dg

from dagster_project.defs.declared import carried_out
from dagster_project.pipeline import nightly
from dagster_project.pipeline.nightly import Step
from dagster_project.pipeline.run import Run
from dagster_project.pipeline.said import Key


def _checks(step: Step, specs: Sequence[dg.AssetCheckSpec]) -> dg.AssetChecksDefinition:
    """A step that checks and makes nothing."""

    @dg.multi_asset_check(name=step.name, specs=specs)
    def check(run: dg.ResourceParam[Run]) -> Iterator[dg.AssetCheckResult]:
        for one in carried_out(run, step):
            assert isinstance(one, dg.AssetCheckResult)
            yield one

    return check


def _blocking(table: Key, name: str, step: Step) -> dg.AssetCheckSpec:
    return dg.AssetCheckSpec(name, asset=list(table), blocking=True, description=step.work.__doc__)


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
    [dg.AssetCheckSpec(look.name, asset=list(look.table), description=look.says) for look in nightly.LOOKS],
)
