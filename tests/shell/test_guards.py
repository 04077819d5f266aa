"""What a run refuses before it begins (R-48)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

from dagster_project.cli import run
from dagster_project.cli.app import app
from dagster_project.cli.launch import launch
from dagster_project.cli.summary import summarize
from dagster_project.errors import UserError
from dagster_project.pipeline import guards
from dagster_project.pipeline.guards import IssueLimit
from dagster_project.pipeline.run import Run
from dagster_project.warehouse.paths import Warehouse
from tests.shell.conftest import ACME

NOW = datetime(2026, 2, 10, 12)  # noqa: DTZ001


def refused(*arguments: str) -> str:
    """The sentences that a command is refused with."""
    outcome = CliRunner().invoke(app, [*arguments])
    assert isinstance(outcome.exception, UserError), outcome.output
    return "\n".join(outcome.exception.sentences)


@pytest.mark.parametrize("command", [["run"], ["backfill", "--from", "2026-01", "--to", "2026-02"]])
def test_r48_an_inbox_that_is_not_there_or_is_a_file_is_refused(tmp_path: Path, command: list[str]) -> None:
    file = tmp_path / "events.ndjson"
    file.write_text("")
    warehouse = tmp_path / "warehouse"
    said = ["--books", str(ACME), "--warehouse", str(warehouse)]
    assert "There is no inbox" in refused(*command, *said, "--inbox", str(tmp_path / "nowhere"))
    assert "is a file" in refused(*command, *said, "--inbox", str(file))
    assert not warehouse.exists()


def test_r48_an_object_store_that_cannot_be_reached_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be reached"):
        guards.refuse_places("nosuchstore://bucket/events", tmp_path / "warehouse")


def test_r48_a_warehouse_or_demo_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "inbox").mkdir()
    file = tmp_path / "file"
    file.write_text("")
    for warehouse in (file, file / "below"):
        said = refused("run", "--books", str(ACME), "--inbox", str(tmp_path / "inbox"), "--warehouse", str(warehouse))
        assert f"{file} is a file" in said
    assert f"{file} is a file" in refused("demo", "--folder", str(file))


def test_r48_an_as_of_more_than_a_day_ahead_is_refused() -> None:
    guards.refuse_the_future(NOW + timedelta(days=1), NOW)
    with pytest.raises(UserError, match="--allow-future"):
        guards.refuse_the_future(NOW + timedelta(days=1, microseconds=1), NOW)


def test_r48_a_mistyped_year_issues_nothing_unless_it_is_meant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "inbox").mkdir()
    places = ["--books", str(ACME), "--inbox", str(tmp_path / "inbox"), "--warehouse", str(tmp_path / "warehouse")]
    assert "2062-02-10" in refused("run", *places, "--as-of", "2062-02-10")
    assert not (tmp_path / "warehouse").exists()
    begun: list[datetime] = []

    def begin(run: Run, _: str) -> None:
        begun.append(run.as_of)
        raise UserError("far enough")

    monkeypatch.setattr(run, "launch", begin)
    assert refused("run", *places, "--as-of", "2062-02-10", "--allow-future") == "far enough"
    assert begun == [datetime(2062, 2, 10)]  # noqa: DTZ001


def test_r48_a_new_warehouse_says_where_numbering_begins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def begin(*_: object) -> None:
        raise UserError("far enough")

    monkeypatch.setattr(run, "launch", begin)
    (tmp_path / "inbox").mkdir()
    places = ["--books", str(ACME), "--inbox", str(tmp_path / "inbox"), "--warehouse", str(tmp_path / "warehouse")]
    outcome = CliRunner().invoke(app, ["run", *places, "--as-of", "2026-02-10"])
    assert "numbered from INV-000001" in outcome.output
    assert "numbered from" not in CliRunner().invoke(app, ["run", *places, "--as-of", "2026-02-10", "--dry-run"]).output


def invoices(*totals: tuple[str, str]) -> pl.DataFrame:
    return pl.DataFrame(
        {"currency": [currency for currency, _ in totals], "total": [Decimal(total) for _, total in totals]},
        schema={"currency": pl.String, "total": pl.Decimal(38, 4)},
    )


@pytest.mark.parametrize(
    ("limit", "holds"),
    [("2", True), ("1", False), ("10.00", True), ("9.99", False), ("9 EUR", True), ("9 USD", False), ("10 USD", True)],
)
def test_r48_more_than_the_limit_is_not_issued(limit: str, holds: bool) -> None:
    # money back counts like money asked for
    about = invoices(("USD", "6.50"), ("USD", "-3.50"))
    if holds:
        IssueLimit.of(limit).refuse(about)
    else:
        with pytest.raises(UserError, match="Nothing was issued"):
            IssueLimit.of(limit).refuse(about)


@pytest.mark.parametrize("text", ["-1", "1,000", "4,00", "ten", "USD 5", "1e3", ""])
def test_r48_a_limit_that_is_none_is_said(text: str) -> None:
    with pytest.raises(UserError, match="is no limit"):
        IssueLimit.of(text)


def test_r48_a_run_over_its_limit_leaves_nothing_issued(small_run: Callable[..., Run]) -> None:
    run = small_run(limit=IssueLimit.of("1"))
    with pytest.raises(UserError, match="--limit-issue allows 1"):
        launch(run)
    assert not list(run.warehouse.issued.glob("*"))
    assert not run.warehouse.database.exists()
    assert launch(small_run(limit=IssueLimit.of("5000"))).balanced
    assert list(run.warehouse.issued.glob("*"))


def test_r48_an_empty_inbox_and_unknown_customers_are_said_first(
    small_run: Callable[..., Run], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for file in (tmp_path / "inbox").iterdir():
        file.unlink()
    run = small_run()
    summarize(run, launch(run))
    assert capsys.readouterr().out.startswith(f"The inbox {tmp_path / 'inbox'} is empty")
    (tmp_path / "inbox" / "strangers.ndjson").write_text(
        "".join(f'{{"event_name": "ai_call", "customer_id": "stranger", "idempotency_key": "{n}"}}\n' for n in range(3))
    )
    run = small_run()
    summarize(run, launch(run))
    assert capsys.readouterr().out.startswith("3 of 3 events are of customers that the books do not know")


def test_the_version_and_short_help_are_there() -> None:
    assert CliRunner().invoke(app, ["--version"]).output.startswith("meterhouse ")
    assert "--as-of" in CliRunner().invoke(app, ["run", "-h"]).output


def test_is_new_until_something_landed(tmp_path: Path) -> None:
    assert guards.is_new(Warehouse(tmp_path / "warehouse"))
