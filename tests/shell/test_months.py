"""What Dagster records of months: a month is green for a table once a run rated it, and only then."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import dagster as dg
import pytest

from dagster_project.checks import invariants
from dagster_project.definitions import defs
from dagster_project.defs.declared import key_of, table_of
from dagster_project.defs.jobs import RESOURCE
from dagster_project.pipeline import nightly
from dagster_project.pipeline.run import Run

INVOICES = key_of(nightly.INVOICES)
PUBLISHED = key_of(nightly.PUBLISHED)


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as made:
        yield made


def night(run: Run, instance: dg.DagsterInstance) -> dg.ExecuteInProcessResult:
    """`nightly` as a launch by hand carries it out: for no partition."""
    job = defs().resolve_job_def("nightly")
    return job.execute_in_process(instance=instance, resources={RESOURCE: run}, raise_on_error=False)


def months(instance: dg.DagsterInstance, key: dg.AssetKey) -> set[str]:
    return set(instance.get_materialized_partitions(key))


def test_a_night_records_the_months_that_it_rated_and_no_other(
    small_run: Callable[..., Run], instance: dg.DagsterInstance
) -> None:
    run = small_run()
    assert night(run, instance).success
    rated = set(run.schedule.periods.filter(run.schedule.periods["period_start"] <= run.as_of).get_column("month"))
    assert rated
    for table in (("raw", "events"), ("books", "contracts"), nightly.USAGE, nightly.INVOICES, ("marts", "invoices")):
        assert months(instance, key_of(table)) == rated, table
    assert months(instance, PUBLISHED) == rated


def test_a_night_after_months_have_closed_does_not_record_them_again(
    small_run: Callable[..., Run], instance: dg.DagsterInstance
) -> None:
    assert night(small_run(), instance).success
    later = small_run(as_of=small_run().as_of.replace(year=2027, month=1))
    with dg.DagsterInstance.ephemeral() as of_later:
        assert night(later, of_later).success
        closed = later.issued.invoices.filter(later.issued.invoices["period_end"] < small_run().as_of.replace(month=3, day=2))
        assert not months(of_later, INVOICES) & set(closed.get_column("month"))
        assert months(of_later, INVOICES)


def test_a_night_that_breaks_a_law_records_nothing_after_it(
    small_run: Callable[..., Run], instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = invariants.Proof("totals_tie", holds=False, says="A total is off by a cent.")
    monkeypatch.setattr(invariants, "of_documents", lambda *_: [broken])
    failed = night(small_run(), instance)
    assert not failed.success
    assert months(instance, key_of(nightly.USAGE))
    assert not months(instance, key_of(("marts", "invoices")))
    assert not months(instance, PUBLISHED)
    [said] = [event.step_failure_data for event in failed.all_events if event.is_step_failure]
    assert said.user_failure_data is not None
    assert said.user_failure_data.description == "rating/invoices: totals_tie failed. A total is off by a cent."


def test_two_months_materialized_at_once_are_one_run_of_every_table(
    small_run: Callable[..., Run], instance: dg.DagsterInstance
) -> None:
    job = defs().resolve_job_def("backfill")
    chosen = {"dagster/asset_partition_range_start": "2026-02", "dagster/asset_partition_range_end": "2026-03"}
    # as a launch has it: which months is said by the partitions
    result = job.execute_in_process(instance=instance, resources={RESOURCE: small_run(months=None)}, tags=chosen)
    assert result.success
    for key in job.asset_layer.selected_asset_keys:
        assert months(instance, key) == {"2026-02", "2026-03"}, table_of(key)


def test_documents_and_money_are_numbers_by_month(small_run: Callable[..., Run], instance: dg.DagsterInstance) -> None:
    run = small_run()
    assert night(run, instance).success
    money = nightly.money_by_month(nightly.steps.written_documents(run)).filter(currency="USD", month="2026-02")
    events = instance.fetch_materializations(
        dg.AssetRecordsFilter(asset_key=INVOICES, asset_partitions=["2026-02"]), limit=1
    ).records
    shown = events[0].asset_materialization.metadata  # type: ignore[union-attr]
    assert shown["documents"].value == money.get_column("documents").sum()
    assert f"{shown['total_usd'].value:.2f}" == f"{money.get_column('total').sum():.2f}"
    marts = instance.fetch_materializations(key_of(("marts", "invoices")), limit=1).records
    assert marts[0].asset_materialization.metadata["dagster/row_count"].value > 0  # type: ignore[union-attr]
