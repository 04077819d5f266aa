"""The commands as a person types them."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from dagster_project.commands import app as commands
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
    code, out, err = said(capsys, monkeypatch, "explain", "INV-9", "--warehouse", str(run.warehouse.root))
    assert (code, out) == (2, "")
    assert "There is no invoice `INV-9`" in err
    assert "numbers run to INV-0000" in err


def test_reconcile_shows_what_is_not_billed_and_to_whom_it_belongs(
    night: Night, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run, _ = night
    code, out, _ = said(capsys, monkeypatch, "reconcile", "--period", "2026-02", "--warehouse", str(run.warehouse.root))
    assert code == 0
    assert "unknown_customer" in out
    assert "cust_978" in out


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
