"""R-114: events of a withdrawn file no longer count, what they had superseded counts again, what was issued is adjusted."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from dagster_project.cli import app as commands
from dagster_project.cli.launch import launch
from dagster_project.pipeline.run import Run
from tests.shell.conftest import moment
from tests.shell.test_a_night import fingerprint, rows

CALL = {"event_name": "ai_call", "customer_id": "cust_789", "timestamp": "2026-02-11T12:00:00Z"}
DISPOSITIONS = (
    "select disposition, sum(events)::bigint from marts.reconciliation where meter_code is null and event_name = 'ai_call' "
    "group by all order by all"
)
ADJUSTED = "select coalesce(sum(subtotal), 0)::decimal(38, 4) from marts.invoices where kind = 'adjustment'"


def calls(*keyed: tuple[str, int]) -> str:
    """Lines of calls by key, of so many minutes."""
    properties = {"region": "US", "call_outcome": "resolved"}
    made = (
        {**CALL, "idempotency_key": key, "properties": {**properties, "duration_minutes": minutes}} for key, minutes in keyed
    )
    return "".join(json.dumps(call) + "\n" for call in made)


def test_r114_a_withdrawn_file_counts_no_more_until_that_is_undone(
    small_run: Callable[..., Run], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def command(*words: str) -> tuple[int, str]:
        capsys.readouterr()
        monkeypatch.setattr(sys, "argv", ["meterhouse", "withdraw", *words, "--warehouse", str(first.warehouse.root)])
        with pytest.raises(SystemExit) as ended:
            commands.main()
        out, err = capsys.readouterr()
        return int(ended.value.code or 0), out + err

    def night(day: str) -> dict[str, int]:
        run = small_run(as_of=moment(day))
        assert launch(run).balanced
        return dict(rows(run.warehouse, DISPOSITIONS).iter_rows())

    inbox = tmp_path / "inbox"
    (inbox / "2026-02-guide-batch.json").unlink()
    (inbox / "a.jsonl").write_text(calls(("k1", 1), ("k2", 2)))
    first = small_run(as_of=moment("2026-03-10"))
    assert night("2026-03-10") == {"metered": 2}
    (inbox / "b.jsonl").write_text(calls(("k1", 10), ("k3", 30)))
    assert night("2026-03-11") == {"metered": 3, "superseded": 1}
    due = rows(first.warehouse, ADJUSTED).item()
    assert due > 0

    code, said = command("b.json", "--because", "sent twice")
    assert code == 2
    assert "Did you mean b.jsonl" in said
    assert command("b.jsonl")[0] == 2
    code, said = command("b.jsonl", "--because", "sent twice")
    assert (code, said.startswith("The 2 events of b.jsonl (")) == (0, True)
    assert command("b.jsonl", "--because", "sent twice")[0] == 2
    assert night("2026-03-12") == {"metered": 2, "withdrawn": 2}
    assert rows(first.warehouse, ADJUSTED).item() == Decimal(0)
    # the same bytes never land again
    landed = {name for name in fingerprint(first.warehouse) if name.startswith("raw_events")}
    assert night("2026-03-13") == {"metered": 2, "withdrawn": 2}
    assert {name for name in fingerprint(first.warehouse) if name.startswith("raw_events")} == landed

    assert command("b.jsonl", "--undo")[0] == 0
    assert night("2026-03-14") == {"metered": 3, "superseded": 1}
    assert rows(first.warehouse, ADJUSTED).item() == due


def test_r114_of_a_file_that_grows_one_content_is_withdrawn(
    small_run: Callable[..., Run], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    inbox = tmp_path / "inbox"
    (inbox / "2026-02-guide-batch.json").unlink()
    for day, content in (("2026-03-10", calls(("k1", 1))), ("2026-03-11", calls(("k1", 1), ("k2", 2)))):
        (inbox / "month.jsonl").write_text(content)
        run = small_run(as_of=moment(day))
        assert launch(run).balanced
    monkeypatch.setattr(
        sys, "argv", ["meterhouse", "withdraw", "month.jsonl", "--because", "replaced", "--warehouse", str(run.warehouse.root)]
    )
    with pytest.raises(SystemExit) as ended:
        commands.main()
    assert ended.value.code == 2
    assert "Say which with --content" in capsys.readouterr().err
