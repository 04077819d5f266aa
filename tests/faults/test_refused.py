"""What a run cannot go on with: it stops with a sentence that says what to do, issues nothing, and the next run heals."""

from __future__ import annotations

import gzip
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import duckdb
import polars as pl
import pytest
import zstandard

from dagster_project.landing import quarantine_files, raw_files
from dagster_project.warehouse.database import connect, fetch
from tests.faults.conftest import LAST, Disturbed
from tests.faults.test_killed import points

Spoil = Callable[[Path], object]


# --- a full disk -------------------------------------------------------------------------------------------------------------


@pytest.mark.full
@pytest.mark.parametrize("change", ["rename landings/000003.json", "rename issued/000003"])
def test_a_disk_that_fills_up(disturbed: Disturbed, change: str) -> None:
    number = disturbed.undisturbed.changes.index(change) + 1
    ended = disturbed.night(["full_disk_at_change", str(disturbed.house.warehouse.root), number])
    disturbed.is_refused(
        ended, "could not be written: there is no room left on the disk. Free some, then run again. Nothing was issued."
    )
    disturbed.heals()


@pytest.mark.full
def test_a_disk_that_fills_up_before_publishing(disturbed: Disturbed) -> None:
    number = disturbed.undisturbed.changes.index("rename meterhouse.duckdb") + 1
    ended = disturbed.night(["full_disk_at_change", str(disturbed.house.warehouse.root), number])
    assert ended.code == 2
    assert "What is issued stays issued" in ended.said
    disturbed.heals()


@pytest.mark.parametrize(
    "most_bytes",
    [1_000_000, *(pytest.param(size, marks=pytest.mark.full) for size in (10_000, 100_000, 300_000, 3_000_000))],
)
def test_a_file_that_cannot_grow(disturbed: Disturbed, most_bytes: int) -> None:
    """DuckDB and Arrow write past Python: they are stopped too."""
    ended = disturbed.night(["small_files_only", most_bytes])
    disturbed.is_refused(ended, "could not be written: there is no room left on the disk")
    disturbed.heals()


@pytest.mark.full
def test_a_disk_that_fills_up_at_any_change(disturbed: Disturbed, tmp_path: Path) -> None:
    left = []
    for number in points(disturbed.undisturbed)[1:]:
        own = disturbed.again(tmp_path / f"change-{number}")
        full = own.night(["full_disk_at_change", str(own.house.warehouse.root), number])
        if full.code != 2 or "no room left on the disk" not in full.said or "Traceback" in full.said:
            left.append((disturbed.undisturbed.changes[number - 1], full.said))
        ended = own.night()
        if ended.code or own.differences():
            left.append((disturbed.undisturbed.changes[number - 1], ended.said))
    assert left == []


# --- files that are damaged --------------------------------------------------------------------------------------------------


def cut_in_half(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def flip(path: Path, share: float = 0.5) -> None:
    content = bytearray(path.read_bytes())
    at = int(len(content) * share)
    for place in range(at, min(at + 64, len(content))):
        content[place] ^= 0xFF
    path.write_bytes(content)


@pytest.mark.full
@pytest.mark.parametrize("spoil", [cut_in_half, flip, Path.unlink])
@pytest.mark.parametrize("kind", ["raw_events", "quarantine"])
def test_landed_files_are_put_back_by_a_person(disturbed: Disturbed, tmp_path: Path, kind: str, spoil: Spoil) -> None:
    warehouse = disturbed.house.warehouse
    assert disturbed.night().code == 0
    file = (raw_files(warehouse) if kind == "raw_events" else quarantine_files(warehouse))[-1]
    shutil.copy(file, tmp_path / "backup")
    spoil(file)
    shutil.rmtree(warehouse.derived)
    ended = disturbed.night()
    assert ended.code == 2
    assert f"{file} is {'missing' if spoil is Path.unlink else 'damaged'}" in ended.said
    assert "Put that back from a backup, then run again." in ended.said
    assert "Trace" not in ended.said
    shutil.copy(tmp_path / "backup", file)
    disturbed.heals()


@pytest.mark.full
@pytest.mark.parametrize("name", ["landings/000001.json", "issued/000002/batch.json", "issued/000001/invoice_lines.parquet"])
def test_records_are_put_back_by_a_person(disturbed: Disturbed, tmp_path: Path, name: str) -> None:
    file = disturbed.house.warehouse.root / name
    shutil.copy(file, tmp_path / "backup")
    cut_in_half(file)
    disturbed.is_refused(disturbed.night(), name, "back from a backup")
    shutil.copy(tmp_path / "backup", file)
    disturbed.heals()


@pytest.mark.full
@pytest.mark.parametrize("share", [0.0, 0.5])
def test_a_damaged_work_database_is_built_again(disturbed: Disturbed, share: float) -> None:
    flip(disturbed.house.warehouse.work_database, share)
    disturbed.heals()


@pytest.mark.full
def test_every_page_of_a_work_database_may_be_damaged(disturbed: Disturbed) -> None:
    content = disturbed.house.warehouse.work_database.read_bytes()
    disturbed.house.warehouse.work_database.write_bytes(content[:12288] + bytes(len(content) - 12288))
    disturbed.heals()


def test_all_that_is_derived_and_small_may_be_damaged_at_once(disturbed: Disturbed) -> None:
    warehouse = disturbed.house.warehouse
    for file in sorted(warehouse.derived.rglob("*")):
        if file.is_file() and file != warehouse.work_database:
            file.write_bytes(b"half of it")
    warehouse.staged_database.write_bytes(b"half of it")
    disturbed.heals()


@pytest.mark.full
@pytest.mark.parametrize("share", [0.0, 0.6])
def test_damaged_marts_are_built_again_where_nothing_is_new(disturbed: Disturbed, share: float) -> None:
    assert disturbed.night().code == 0
    flip(disturbed.house.warehouse.database, share)
    disturbed.heals()


# --- the inbox ---------------------------------------------------------------------------------------------------------------


@pytest.mark.full
def test_half_copied_files_wait_until_they_are_whole(disturbed: Disturbed, tmp_path: Path) -> None:
    inbox = disturbed.house.inbox
    february = gzip.decompress((inbox / "february.jsonl.gz").read_bytes())
    others = {
        "compressed.json.zst": zstandard.compress(february),
        "february.jsonl.gz": (inbox / "february.jsonl.gz").read_bytes(),
    }
    pl.DataFrame({"event_name": ["x"], "customer_id": ["nobody"]}).write_parquet(tmp_path / "table.parquet")
    others["table.parquet"] = (tmp_path / "table.parquet").read_bytes()
    for name, content in others.items():
        (inbox / name).write_bytes(content[: len(content) // 2])
    ended = disturbed.night(["failing_in", "dagster_project.warehouse.issued:issue", "too early"])
    for name in others:
        assert f"{name} did not land and will be tried again by the next run" in ended.said
    (inbox / "compressed.json.zst").unlink()
    (inbox / "table.parquet").unlink()
    (inbox / "february.jsonl.gz").write_bytes(others["february.jsonl.gz"])
    ended = disturbed.night()
    assert ended.code == 0
    # the same events in a landing of their own
    assert set(disturbed.differences()) <= {"landings", "raw_events"}


@pytest.mark.full
def test_a_cut_line_goes_to_quarantine_and_the_whole_file_still_lands(disturbed: Disturbed) -> None:
    """Of events with keys each counts once, however often their file came."""
    file = disturbed.house.inbox / "very_late.jsonl"
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])
    ended = disturbed.night(["failing_in", "dagster_project.warehouse.issued:issue", "too early"])
    assert "in quarantine: the line is not valid JSON" in ended.said
    file.write_bytes(whole)
    ended = disturbed.night()
    assert "very_late.jsonl was landed before with other content" in ended.said
    documents = {"issued", "marts.invoices", "marts.invoice_lines", "marts.credit_ledger", "marts.usage"}
    assert documents.isdisjoint(disturbed.differences())


# --- books -------------------------------------------------------------------------------------------------------------------


@pytest.mark.full
def test_books_that_change_after_they_were_read(disturbed: Disturbed) -> None:
    """One version a run, also where the run before it has to be rehearsed."""
    card = disturbed.house.books / "rate_cards" / "ai_call.csv"
    then = card.read_text()
    shutil.rmtree(disturbed.house.warehouse.pending)
    ended = disturbed.night(["changed_after", "dagster_project.pipeline.run:read_books", str(card), "nothing but nonsense\n"])
    assert ended.code == 0, ended.said
    assert disturbed.differences() == []
    card.write_text(then)


@pytest.mark.full
def test_books_that_never_come_to_rest(disturbed: Disturbed) -> None:
    notes = disturbed.house.books / "notes.yml"
    ended = disturbed.night(["changed_always_after", "rating.books:load", str(notes)])
    disturbed.is_refused(ended, "the books change while they are read")
    notes.unlink()
    disturbed.heals()


# --- other programs ----------------------------------------------------------------------------------------------------------

INVOICES = "select count(*) as invoices from marts.invoices where status = 'issued'"


@pytest.mark.parametrize("read_only", [pytest.param(True, marks=pytest.mark.full), False])
def test_an_analyst_keeps_the_marts_open(disturbed: Disturbed, read_only: bool) -> None:
    """Whoever has them open keeps what they see; whoever opens them after the run sees the new ones."""
    with connect(disturbed.house.warehouse.database, read_only=read_only) as analyst:
        seen = fetch(analyst, INVOICES).item()
        if not read_only:
            analyst.execute("create table marts.of_my_own as select 1 as one")
        ended = disturbed.night()
        assert ended.code == 0, ended.said
        assert fetch(analyst, INVOICES).item() == seen
    assert disturbed.differences() == []


@pytest.mark.full
def test_marts_that_somebody_writes_to_are_built_again(disturbed: Disturbed) -> None:
    assert disturbed.night().code == 0
    with connect(disturbed.house.warehouse.database) as analyst:
        analyst.execute("delete from marts.invoices")
        analyst.execute("checkpoint")
        ended = disturbed.night()
        assert ended.code == 0, ended.said
    assert disturbed.differences() == []


@pytest.mark.full
def test_a_work_database_that_another_program_holds(disturbed: Disturbed) -> None:
    with duckdb.connect(str(disturbed.house.warehouse.work_database), read_only=True):
        disturbed.is_refused(disturbed.night(), "work.duckdb is open in another program (PID", "close it there, then run again")
    disturbed.heals()


# --- what nobody foresaw -----------------------------------------------------------------------------------------------------


@pytest.mark.full
@pytest.mark.parametrize("name", ["dagster_project.pipeline.steps:usage", "dagster_project.warehouse.issued:latest_as_of"])
def test_an_unforeseen_error_is_said_in_two_sentences(disturbed: Disturbed, name: str) -> None:
    ended = disturbed.night(["failing_in", name, "the moon is full"])
    trace = disturbed.house.warehouse.derived / "failure.txt"
    disturbed.is_refused(
        ended,
        "RuntimeError: the moon is full",
        "This is a defect of Meterhouse: please report it",
        str(trace),
        "Nothing was issued.",
        code=3,
    )
    assert "Traceback" in trace.read_text()
    disturbed.heals()


@pytest.mark.full
def test_the_clock_goes_back(disturbed: Disturbed) -> None:
    words = [str(word) for word in disturbed.house.night(LAST - 2)]
    ended = disturbed.nursery.run(*words)
    disturbed.is_refused(ended, "lies before the last run", "Give that instant or a later one")
    assert json.loads((disturbed.house.warehouse.landings / "000002.json").read_text())["batch"] == 2
    disturbed.heals()
