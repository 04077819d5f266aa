"""What deserves a look is a row, one a kind and file, with what may be meant; what is acknowledged is counted and not said."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from dagster_project.cli import app as commands
from dagster_project.cli.launch import launch
from dagster_project.cli.summary import summarize
from dagster_project.pipeline.run import Run
from tests.landing.foreign_files import files
from tests.shell.conftest import ACME, moment
from tests.shell.test_a_night import rows

CALL = {"event_name": "ai_call", "customer_id": "cust_789", "timestamp": "2026-02-11T12:00:00Z"}
MINUTES = {"region": "US", "call_outcome": "resolved", "duration_minutes": 1}


def attention(run: Run) -> dict[tuple[str, str], dict[str, Any]]:
    found = rows(run.warehouse, "from marts.attention order by all")
    return {(row["code"], row["subject"]): row for row in found.iter_rows(named=True)}


def deliver(tmp_path: Path, name: str, *events: dict[str, Any] | str) -> None:
    lines = (event if isinstance(event, str) else json.dumps(event) for event in events)
    (tmp_path / "inbox" / name).write_text("\n".join(lines) + "\n")


def test_every_kind_of_look_is_a_row_with_its_example(small_run: Callable[..., Run], tmp_path: Path) -> None:
    fine = {**CALL, "properties": MINUTES}
    deliver(tmp_path, "unread.jsonl", *({**fine, "event_id": str(n), "region": "US"} for n in range(3)))
    deliver(
        tmp_path,
        "keys.jsonl",
        *({**fine, "idempotency_key": "NULL", "timestamp": f"2026-02-0{n}T00:00:00Z"} for n in (1, 2, 3)),
    )
    one, other = ({**fine, "idempotency_key": "k1", "customer_id": customer} for customer in ("cust_123", "cust_789"))
    deliver(tmp_path, "shared.jsonl", one, other)
    deliver(tmp_path, "bad.jsonl", {**CALL, "properties": {**MINUTES, "duration_minutes": "1,5"}})
    deliver(tmp_path, "odd.jsonl", *(["{"] * 30), *({**fine, "timestamp": str(n)} for n in range(40)))
    deliver(tmp_path, "untimed.jsonl", {"event_name": "ai_call", "customer_id": "cust_789", "properties": MINUTES})
    deliver(tmp_path, "nobody.jsonl", {**fine, "customer_id": "stranger"})
    run = small_run()
    outcome = launch(run)
    found = attention(run)
    assert found["unread_field", "unread.jsonl: event_id"]["sentence"].endswith("did you mean `idempotency_key`?")
    assert "write `properties.region`" in found["unread_field", "unread.jsonl: region"]["sentence"]
    null = found["suspicious_keys_no_key", "keys.jsonl"]
    assert (null["count"], null["severity"], null["file"], null["position"]) == (2, "high", "keys.jsonl", 1)
    assert "the key `NULL` stands on 3 events of 3 different times" in null["sentence"]
    assert "`k1` stands on events of 2 customers" in found["suspicious_keys_customers", "shared.jsonl"]["sentence"]
    unreadable = found["bad_quantity", "AI_CALL/ai_call"]
    assert unreadable["sentence"].endswith('have no readable quantity: `duration_minutes` is "1,5" (bad.jsonl:1).')
    quarantined = {key[1]: row for key, row in found.items() if key[0] == "quarantined_lines"}
    assert {subject: row["count"] for subject, row in quarantined.items()} == {
        "odd.jsonl: the line is not valid JSON": 30,
        "odd.jsonl: timestamp is no ISO 8601 time": 40,
    }
    assert found["time_made_up", "untimed.jsonl"]["count"] == 1
    assert found["unknown_customer", "ai_call"]["file"] == "nobody.jsonl"
    assert {row["first_seen"] for row in quarantined.values()} == {run.as_of}
    assert [sentence for sentence in outcome.cautions if "odd.jsonl" in sentence] != []


def test_what_is_acknowledged_is_kept_and_not_said(
    small_run: Callable[..., Run], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def command(*words: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["meterhouse", *words, "--warehouse", str(run.warehouse.root)])
        with pytest.raises(SystemExit) as ended:
            commands.main()
        out, err = capsys.readouterr()
        return int(ended.value.code or 0), out + err

    deliver(tmp_path, "nobody.jsonl", {**CALL, "customer_id": "stranger", "properties": MINUTES})
    run = small_run()
    assert any("unknown_customer" in sentence for sentence in launch(run).cautions)

    code, said = command("acknowledge", "unknown_customer", "ai_cal", "--because", "a test account")
    assert code == 2
    assert "there are: ai_call" in said
    assert command("acknowledge", "unknown", "ai_call", "--because", "a test account")[0] == 2
    assert command("acknowledge", "unknown_customer", "ai_call", "--because", "x", "--until", "soon")[0] == 2
    code, said = command("acknowledge", "unknown_customer", "ai_call", "--because", "a test account", "--until", "2026-04-12")
    assert (code, said.split()[:3]) == (0, ["unknown_customer", "of", "ai_call"])

    quiet = small_run(as_of=moment("2026-04-11"))
    assert not any("unknown_customer" in sentence for sentence in launch(quiet).cautions)
    assert attention(quiet)["unknown_customer", "ai_call"]["acknowledged"] == "a test account"

    loud = small_run(as_of=moment("2026-04-12"))
    assert any("unknown_customer" in sentence for sentence in launch(loud).cautions)


def test_rows_are_the_same_when_what_is_derived_is_built_again(small_run: Callable[..., Run], tmp_path: Path) -> None:
    deliver(
        tmp_path, "nobody.jsonl", *({**CALL, "customer_id": f"s{n}", "event_id": "e", "properties": MINUTES} for n in range(50))
    )
    run = small_run()
    launch(run)
    before = rows(run.warehouse, "from marts.attention")
    shutil.rmtree(run.warehouse.derived)
    launch(small_run())
    assert rows(run.warehouse, "from marts.attention").equals(before)
    assert before.get_column("severity").to_list()[0] == "high"
    assert isinstance(before, pl.DataFrame)


def test_the_worst_inbox_bills_the_good_file_and_fits_on_a_screen(
    small_run: Callable[..., Run], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for file in files(500, seed=7):
        place = tmp_path / "inbox" / file.name
        place.parent.mkdir()
        place.write_bytes(file.content)
    run = small_run()
    outcome = launch(run)
    capsys.readouterr()
    summarize(run, outcome)
    assert len(capsys.readouterr().out.splitlines()) <= 60
    found = rows(run.warehouse, "select sum(event_count)::bigint as events from marts.usage where meter_code = 'AI_CALL'")
    assert found.item() == len(json.loads((ACME / "sample_events" / "2026-02-guide-batch.json").read_text())["events"])
    looks = rows(run.warehouse, "select count(*) as n, count(distinct code) as kinds from marts.attention")
    assert looks["n"].item() > 100
    assert looks["kinds"].item() >= 3
