"""R-49: quarantined lines are counted, shown, and landed again once they have become true or a mended copy brings them."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from dagster_project.cli import app as commands
from dagster_project.cli.launch import launch
from dagster_project.landing import landings
from dagster_project.landing.release import quarantined
from dagster_project.pipeline.run import Run
from tests.shell.conftest import ACME, moment
from tests.shell.test_a_night import rows

EARLY = moment("2026-02-05")
CALL = {
    "event_name": "ai_call",
    "customer_id": "cust_789",
    "properties": {"region": "US", "call_outcome": "resolved", "duration_minutes": 1},
}
COUNTED = (
    "select coalesce(sum(events), 0)::bigint from marts.reconciliation where meter_code is null and event_name = 'ai_call'"
)


@pytest.fixture
def command(
    small_run: Callable[..., Run], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., tuple[int, str]]:
    """A command on the warehouse of `small_run`: its exit code, and what it said."""
    (tmp_path / "inbox" / "2026-02-guide-batch.json").unlink()

    def run(*words: str) -> tuple[int, str]:
        capsys.readouterr()
        monkeypatch.setattr(sys, "argv", ["meterhouse", *words, "--warehouse", str(small_run().warehouse.root)])
        with pytest.raises(SystemExit) as ended:
            commands.main()
        out, err = capsys.readouterr()
        return int(ended.value.code or 0), out + err

    return run


def test_r49_lines_that_were_ahead_are_released_under_their_old_place(
    small_run: Callable[..., Run], tmp_path: Path, command: Callable[..., tuple[int, str]]
) -> None:
    lines = [{**CALL, "timestamp": f"2026-02-{day:02}T00:00:00Z"} for day in range(1, 11)]
    (tmp_path / "inbox" / "month.jsonl").write_text("\n".join([*map(json.dumps, lines), "{"]) + "\n")
    first = small_run(as_of=EARLY)
    assert launch(first).balanced
    assert rows(first.warehouse, COUNTED).item() == 5
    assert quarantined(first.warehouse).height == 6

    code, said = command("quarantine")
    assert code == 0
    assert "month.jsonl" in said
    assert "6 lines." in said
    code, said = command("quarantine", "show", "--reason", "not valid JSON")
    assert "month.jsonl:11" in said

    release = ("quarantine", "release", "--books", str(ACME))
    assert "0 of 6 lines" in command(*release, "--as-of", "2026-02-05")[1]
    code, said = command(*release, "--as-of", "2026-02-12")
    assert (code, "5 of 6 lines are events now" in said) == (0, True)
    assert quarantined(first.warehouse).get_column("position").to_list() == [11]
    # nothing is released twice, and time does not run backwards
    assert "0 of 1 lines" in command(*release, "--as-of", "2026-02-12")[1]
    assert command(*release, "--as-of", "2026-02-11")[0] == 2

    later = small_run(as_of=moment("2026-02-13"))
    assert launch(later).balanced
    assert rows(later.warehouse, COUNTED).item() == 10
    assert rows(later.warehouse, "select position from marts.quarantine").get_column("position").to_list() == [11]
    assert landings(later.warehouse)[1].is_release


def test_r49_a_mended_copy_brings_its_lines_under_their_old_place(
    small_run: Callable[..., Run], tmp_path: Path, command: Callable[..., tuple[int, str]]
) -> None:
    header = "event_name,customer_id,timestamp,properties.region,properties.call_outcome,properties.duration_minutes"
    cells = [f"ai_call,cust_789,2026-02-0{n}T00:00:00Z,US,resolved,1" for n in range(1, 5)]
    broken = [cells[0], cells[1].replace("2026-02-02T00:00:00Z", "02/02/2026"), cells[2].replace("cust_789", ""), cells[3]]
    (tmp_path / "inbox" / "calls.csv").write_text("\n".join([header, *broken]) + "\n")
    first = small_run(as_of=moment("2026-02-06"))
    assert launch(first).balanced
    assert quarantined(first.warehouse).get_column("position").to_list() == [2, 3]

    copy = tmp_path / "calls.csv"
    copy.write_text("\n".join([header, *cells[:2], *broken[2:]]) + "\n")
    code, said = command("quarantine", "release", "--books", str(ACME), "--mended", str(copy), "--as-of", "2026-02-07")
    assert (code, "1 of 2 lines are events now" in said) == (0, True)
    later = small_run(as_of=moment("2026-02-08"))
    assert launch(later).balanced
    assert rows(later.warehouse, COUNTED).item() == 3
    assert quarantined(later.warehouse).get_column("position").to_list() == [3]
    assert command("quarantine", "release", "--books", str(ACME), "--file", "cals.csv", "--as-of", "2026-02-09")[0] == 2
