"""Deals as Dagster shows them: Salesforce's tables observed, drafts with their law, a sensor on the tables."""

from __future__ import annotations

import os
from dataclasses import replace

import dagster as dg
import pytest

from dagster_project.deals import fates
from dagster_project.deals.desk import Desk
from dagster_project.deals.review import Review
from dagster_project.definitions import defs
from dagster_project.defs.deals import EVERY_TERM, LINES_ARE_FATES, OpenedDesk, drafts
from dagster_project.defs.sensors import salesforce_sensor
from tests.deals.conftest import Office, Rows, row_of

ACCOUNTS = dg.AssetKey(["salesforce", "account"])


def synced(desk: Desk | None, instance: dg.DagsterInstance | None = None) -> dg.ExecuteInProcessResult:
    """What the job `deals` says of a desk."""
    job = defs().resolve_job_def("deals")
    return job.execute_in_process(instance=instance, resources={"meterhouse_desk": OpenedDesk(desk)}, raise_on_error=False)


def said_by(result: dg.ExecuteInProcessResult) -> str:
    failed = [event.step_failure_data for event in result.all_events if event.is_step_failure]
    return "\n".join(str(one.user_failure_data.description) for one in failed if one.user_failure_data)


def drafted(office: Office) -> list[Review]:
    reviews = [office.desk.review(name, simulates=False) for name in office.desk.every()]
    return [one for one in reviews if one.draft is not None]


def test_the_job_drafts_every_deal_and_shows_its_fates(office: Office) -> None:
    result = synced(office.desk)
    assert result.success
    reviews = drafted(office)
    [made] = result.asset_materializations_for_node("deal_drafts")
    assert made.metadata["dagster/row_count"].value == len(reviews) == made.metadata["new"].value
    checks = {one.check_name: one for one in result.get_asset_check_evaluations()}
    assert checks[EVERY_TERM].passed
    assert checks[LINES_ARE_FATES].passed
    counted = checks[LINES_ARE_FATES].metadata
    by_fate = sum(int(str(made.metadata[f"fate_{fate}"].value)) for fate in fates.FATES)
    assert int(str(counted["lines"].value)) + int(str(counted["watched"].value)) == by_fate > 0


def test_salesforces_tables_are_observed_by_what_they_say(office: Office) -> None:
    with dg.DagsterInstance.ephemeral() as instance:

        def versions() -> list[str]:
            assert synced(office.desk, instance).success
            records = instance.fetch_observations(ACCOUNTS, limit=10, ascending=True).records
            return [str(one.asset_observation.tags["dagster/data_version"]) for one in records]  # type: ignore[union-attr]

        def rename(rows: Rows) -> None:
            rows[0]["name"] = "Another name"

        versions()
        os.utime(office.tables / "account.csv")
        first, again = versions()
        assert again == first
        office.change("account", rename)
        assert versions()[-1] != first


def test_a_line_that_lost_its_fate_or_has_two_is_named(office: Office) -> None:
    assert synced(office.desk).success
    books = office.desk.books()
    assert books.deals is not None
    review = next(one for one in drafted(office) if one.draft is not None and len(one.draft.fates) > 1)
    assert review.draft is not None
    lost, *kept = review.draft.fates

    def with_fates(*found: object) -> Review:
        return replace(review, draft=replace(review.draft, fates=tuple(found)))  # type: ignore[type-var]

    [fault] = fates.faults([with_fates(*kept)], books.deals)
    assert lost.point in fault
    assert "0 fates" in fault
    [fault] = fates.faults([with_fates(lost, lost, *kept)], books.deals)
    assert "2 fates" in fault
    [fault] = fates.faults([with_fates(replace(lost, fate="forgotten"), *kept)], books.deals)
    assert "no fate" in fault
    for wrong in (with_fates(*kept), with_fates(lost, lost, *kept), with_fates(replace(lost, fate="forgotten"), *kept)):
        assert fates.does_not_tie(fates.counted([wrong], books.deals)).height == 1
    assert fates.faults([review], books.deals) == []
    assert fates.does_not_tie(fates.counted([review], books.deals)).is_empty()


def test_tables_that_cannot_be_read_are_a_sentence_and_nothing_is_synced(office: Office) -> None:
    (office.tables / "opportunity.csv").unlink()
    result = synced(office.desk)
    assert not result.success
    assert "holds no opportunity" in said_by(result)
    assert office.desk.every() == {}


def test_without_tables_everything_may_be_materialized_and_the_job_says_what_is_missing() -> None:
    assert "METERHOUSE_SALESFORCE" in said_by(synced(None))
    assert dg.materialize([drafts], resources={"meterhouse_desk": OpenedDesk(None)}).success


def tick(cursor: str | None) -> tuple[int, str | None]:
    """How many runs the sensor asks for, and its cursor after it."""
    asked = salesforce_sensor.evaluate_tick(dg.build_sensor_context(cursor=cursor))
    return len(asked.run_requests or []), asked.cursor


def test_the_sensor_asks_once_for_each_change_of_the_tables(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("METERHOUSE_SALESFORCE", raising=False)
    assert tick(None)[0] == 0
    monkeypatch.setenv("METERHOUSE_SALESFORCE", str(office.tables))
    asked, cursor = tick(None)
    assert asked == 1
    (office.tables / "notes.txt").write_text("no table")
    assert tick(cursor)[0] == 0

    def close(rows: Rows) -> None:
        row_of(rows, id=rows[0]["id"])["name"] = "Another name"

    office.change("opportunity", close)
    assert tick(cursor)[0] == 1
