"""One gate before anything is issued or published: the laws of this very run have been looked at and hold (R-47)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import dagster as dg
import polars as pl
import pytest

from dagster_project.checks import invariants
from dagster_project.checks.invariants import Proof
from dagster_project.cli.launch import launch
from dagster_project.defs import documents
from dagster_project.errors import UserError
from dagster_project.pipeline import marts, steps
from dagster_project.pipeline.guards import IssueLimit
from dagster_project.pipeline.run import Run
from rating.rate import EVERY_MONTH

MakeRun = Callable[..., Run]


def is_untouched(run: Run) -> bool:
    """Whether nothing was issued and nothing published."""
    return not list(run.warehouse.issued.glob("*")) and not run.warehouse.database.exists()


def materialize(run: Run, asset: dg.AssetsDefinition, month: str) -> str:
    """Materialize one asset, as a click on it does; what its step says."""
    result = dg.materialize([asset], resources={"meterhouse_run": run}, partition_key=month, raise_on_error=False)
    failed = [event.step_failure_data for event in result.all_events if event.is_step_failure]
    return "\n".join(str(data.user_failure_data.description) for data in failed if data.user_failure_data)


def test_r47_a_run_that_was_refused_is_not_issued_by_one_click(small_run: MakeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    run = small_run()
    with monkeypatch.context() as broken:
        broken.setattr(invariants, "of_documents", lambda *_: [Proof("totals_tie", False, "They do not.")])
        assert launch(run).broken
    assert "laws of documents" in materialize(small_run(), documents.issued_documents(), "2026-01")
    assert "laws of documents" in materialize(small_run(), documents.published_marts, "2026-01")
    assert is_untouched(run)
    assert launch(small_run()).balanced
    assert not is_untouched(run)


def test_r47_documents_on_which_no_law_ran_are_not_issued(small_run: MakeRun) -> None:
    assert launch(small_run(issue=False)).balanced
    run = small_run()
    run.warehouse.database.unlink()
    # rated again by itself, and then issued
    steps.write_documents(run, steps.rate_usage(run, steps.usage(run), EVERY_MONTH))
    with pytest.raises(UserError, match=r"laws of documents and the .* have not been looked at"):
        steps.issue(run, EVERY_MONTH)
    with pytest.raises(UserError, match="have not been looked at"):
        marts.publish(run)
    assert is_untouched(run)


def test_r47_a_step_on_another_runs_work_says_whose_it_is(small_run: MakeRun) -> None:
    run = small_run()
    assert launch(run).balanced
    later = replace(run, as_of=run.as_of + timedelta(days=1))
    with pytest.raises(UserError, match=f"usage made by the run of {run.as_of:%Y-%m-%d}"):
        steps.rate_usage(later, steps.usage(run), EVERY_MONTH)
    with pytest.raises(UserError, match="documents made by the run of"):
        steps.issue(later, EVERY_MONTH)


def test_r47_documents_that_changed_since_they_were_looked_at_are_not_issued(small_run: MakeRun) -> None:
    run = small_run(issue=False)
    assert launch(run).balanced
    file = run.warehouse.documents / "invoices.parquet"
    pl.read_parquet(file).head(0).write_parquet(file)
    with pytest.raises(UserError, match="not those that were looked at"):
        steps.issue(run, EVERY_MONTH)


def test_r48_a_run_over_its_limit_is_not_issued_by_one_click(small_run: MakeRun) -> None:
    run = small_run(limit=IssueLimit.of("1"))
    with pytest.raises(UserError, match="--limit-issue allows 1"):
        launch(run)
    for asset, month in ((documents.issued_documents(), "2026-01"), (documents.published_marts, "2026-01")):
        assert "have not been looked at" in materialize(small_run(), asset, month)
    assert is_untouched(run)
