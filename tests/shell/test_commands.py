"""The commands as a person types them."""

from __future__ import annotations

import importlib.util
import json
import shutil
import sys
from pathlib import Path

import pytest

from dagster_project.cli import app as commands
from tests.shell.conftest import ACME, Night

Said = tuple[int, str, str]


def said(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *words: str) -> Said:
    """Exit code, stdout and stderr of a command."""
    monkeypatch.setattr(sys, "argv", ["meterhouse", *words])
    with pytest.raises(SystemExit) as ended:
        commands.main()
    out, err = capsys.readouterr()
    return int(ended.value.code or 0), out, err


def test_check_counts_what_sound_books_hold(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    code, out, err = said(capsys, monkeypatch, "check", "--books", str(ACME))
    assert (code, err) == (0, "")
    assert "No mistakes" in out


def test_check_names_every_mistake_at_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "books.yml").write_text("meters:\n- {code: A, display_name: A, event_name: a, aggregation: summ}\nplanns: []\n")
    code, out, err = said(capsys, monkeypatch, "check", "--books", str(tmp_path))
    assert (code, out) == (2, "")
    assert "books.yml:2" in err
    assert "planns" in err
    assert "Traceback" not in err


def test_explain_goes_from_the_line_to_the_landed_position(
    night: Night, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run, _ = night
    words = ("explain", "northwind-2026:period:2026-01-01", "--line", "3", "--events", "--warehouse", str(run.warehouse.root))
    code, out, _ = said(capsys, monkeypatch, *words)
    assert code == 0
    assert "AI Calls - US / Resolved  60 × 2.00 = 120.00" in out
    assert "rate_cards/ai_call.csv:2" in out
    assert "60 from 60 events, 120.00" in out
    assert "2026-01.jsonl:3" in out


def test_explain_shows_how_tiers_make_an_amount(
    night: Night, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The guide's 5,000 calls: 1,000 at 0.10 and 4,000 at 0.08 are 420.00."""
    run, _ = night
    document = "self-scale-1:period:2026-01-01"
    code, out, _ = said(capsys, monkeypatch, "explain", document, "--warehouse", str(run.warehouse.root))
    assert code == 0
    assert "above 0 to 1,000: 1,000 × 0.10 = 100.00" in out
    assert "4,000 × 0.08 = 320.00" in out
    assert "= 420.00" in out


def test_explain_says_which_invoices_there_are(
    night: Night, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run, _ = night
    code, out, err = said(capsys, monkeypatch, "explain", "no-such-invoice-at-all", "--warehouse", str(run.warehouse.root))
    assert (code, out) == (2, "")
    assert "There is no invoice `no-such-invoice-at-all`" in err
    assert "numbers run to INV-0000" in err


def test_reconcile_shows_what_is_not_billed_and_to_whom_it_belongs(
    night: Night, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run, _ = night
    code, out, _ = said(capsys, monkeypatch, "reconcile", "--period", "2026-02", "--warehouse", str(run.warehouse.root))
    assert code == 0
    assert "unknown_customer" in out
    assert "cust_978" in out
    assert "Not billed, by reason" in out
    assert "Billing month 2026-02: invoices and ledger" in out
    assert "Prepaid credits, at cost" in out


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("run", "--as-of", "yesterday"), "`yesterday` names no instant. Write a date (2026-02-01)"),
        (("run", "--through", "2026-13"), "`2026-13` names no month. Write it as 2026-01."),
        (("backfill", "--from", "2026-03", "--to", "2026-01"), "2026-03 comes after 2026-01. Give the earlier month first."),
        (("reconcile", "--period", "2026-01", "--warehouse", "nowhere"), "There are no marts in nowhere."),
    ],
)
def test_a_slip_of_the_pen_gets_a_sentence(
    words: tuple[str, ...], sentence: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    code, _, err = said(capsys, monkeypatch, *words)
    assert code == 2
    assert sentence in err
    assert "Traceback" not in err


def test_init_writes_a_folder_whose_books_are_sound_and_overwrites_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, words in (("sample", ()), ("bare", ("--empty",))):
        folder = tmp_path / name
        code, out, err = said(capsys, monkeypatch, "init", str(folder), *words)
        assert (code, err) == (0, "")
        assert "meterhouse check" in out
        assert (folder / "inbox").is_dir()
        with monkeypatch.context() as there:
            for variable in ("METERHOUSE_BOOKS", "METERHOUSE_INBOX", "METERHOUSE_WAREHOUSE"):
                there.delenv(variable, raising=False)
            there.chdir(folder)
            there.setattr(sys, "argv", ["meterhouse", "check"])
            with pytest.raises(SystemExit) as ended:
                commands.main()
            for variable in ("METERHOUSE_BOOKS", "METERHOUSE_INBOX", "METERHOUSE_WAREHOUSE"):
                there.setenv(variable, "")  # what .env set goes with this context
            assert int(ended.value.code or 0) == 0
            assert "No mistakes in books" in capsys.readouterr().out
        for variable in ("METERHOUSE_BOOKS", "METERHOUSE_INBOX", "METERHOUSE_WAREHOUSE"):
            monkeypatch.delenv(variable, raising=False)
    code, _, err = said(capsys, monkeypatch, "init", str(tmp_path / "sample"))
    assert code == 2
    assert "nothing is overwritten" in err


def test_a_run_says_its_end_as_one_object_or_nothing_at_all(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "inbox").mkdir()
    shutil.copy(ACME / "sample_events" / "2026-02-guide-batch.json", tmp_path / "inbox")
    run = ("run", "--books", str(ACME), "--inbox", str(tmp_path / "inbox"), "--warehouse", str(tmp_path / "warehouse"))
    code, out, err = said(capsys, monkeypatch, *run, "--as-of", "2026-04-10", "--json")
    ended = json.loads(out)
    assert (code, ended["balanced"], ended["held_back"]) == (0, True, [])
    assert ended["dispositions"]["metered"] > 0
    assert {"Reading the books", "Rating"} <= {line.split(" s  ")[-1] for line in err.splitlines()}
    code, out, err = said(capsys, monkeypatch, *run, "--as-of", "2026-04-11", "--quiet")
    assert (code, out, err) == (0, "", "")


def test_explain_says_what_was_probably_meant(
    night: Night, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run, _ = night
    for asked, meant in (
        ("inv-3", "Did you mean INV-000003?"),
        ("4", "Did you mean INV-000004?"),
        ("cust_789", "`cust_789` is a customer; its contracts are startup-2026"),
        ("northwind-2025", "northwind-2026"),
    ):
        code, _, err = said(capsys, monkeypatch, "explain", asked, "--warehouse", str(run.warehouse.root))
        assert code == 2
        assert meant in err


def test_of_very_many_mistakes_some_are_said_and_all_counted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = "".join(f"- {{id: c{n}, customer: nobody, plan: none, start_date: x, status: approved}}\n" for n in range(500))
    (tmp_path / "books.yml").write_text(f"contracts:\n{wrong}")
    code, _, err = said(capsys, monkeypatch, "check", "--books", str(tmp_path))
    assert code == 2
    assert len(err.splitlines()) == 202
    assert "more like these." in err
    assert err.splitlines()[-1].endswith(f"mistakes in {tmp_path}.")


def test_an_engine_that_cannot_begin_says_what_it_lacks(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    words = ("run", "--books", str(ACME), "--inbox", str(tmp_path), "--warehouse", str(tmp_path / "warehouse"), "--engine")
    code, out, err = said(capsys, monkeypatch, *words, "spark")
    assert (code, out) == (2, "")
    assert ("Java 17" in err) if importlib.util.find_spec("pyspark") else ("meterhouse[spark]" in err)
    assert err.strip().endswith("Nothing was done.")
    code, out, err = said(capsys, monkeypatch, *words, "sparks")
    assert (code, out) == (2, "")
    assert "--engine local" in err
    assert not (tmp_path / "warehouse").exists()
