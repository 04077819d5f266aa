"""`meterhouse verify`: one byte of what was issued changes, and the documents it may concern are named."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from dagster_project.cli import app as commands
from dagster_project.errors import UserError
from dagster_project.warehouse import issued
from dagster_project.warehouse.paths import Warehouse
from dagster_project.warehouse.verify import findings
from tests.kernel.house import House, books, instant, per_unit

HELD = {"000001": ["INV-000001", "INV-000002"], "000002": ["INV-000003", "INV-000004"]}
FLIPS_A_FILE = 8


@pytest.fixture(scope="module")
def untouched(tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    """Two contracts, a grant and two months, issued month by month."""
    folder = tmp_path_factory.mktemp("issued")
    house, warehouse = House(folder), Warehouse(folder / "warehouse")
    said = books(per_unit("1.00"), contracts=[{"id": "acme"}, {"id": "bolt"}], grants=[{"id": "gift", "amount": "15.00"}])
    house.open(said)
    house.use("2026-01-05", "10")
    house.use("2026-01-07", "3", contract="bolt")
    house.use("2026-02-05", "10.5")
    for as_of in ("2026-02-10", "2026-03-10"):
        assert issued.issue(warehouse, house.run(as_of).made, house.books, instant(as_of)) is not None
    return warehouse


@pytest.fixture
def warehouse(untouched: Warehouse, tmp_path: Path) -> Warehouse:
    """The same, to be damaged."""
    shutil.copytree(untouched.root, tmp_path / "warehouse")
    return Warehouse(tmp_path / "warehouse")


def everything_said(warehouse: Warehouse) -> str:
    return "\n".join(findings(warehouse))


def flipped(path: Path) -> Iterator[int]:
    """The file with one byte flipped, at one place after another; whole again afterwards."""
    whole = path.read_bytes()
    for at in range(0, len(whole), max(len(whole) // FLIPS_A_FILE, 1)):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :])
        yield at
    path.write_bytes(whole)


def rewrite(warehouse: Warehouse, batch: str, name: str, column: str, becomes: Callable[[pl.Expr], pl.Expr]) -> None:
    """Change the first row of an issued file, and leave a sound Parquet."""
    path = warehouse.issued / batch / name
    first = pl.int_range(pl.len()) == 0
    frame = pl.read_parquet(path)
    changed = pl.when(first).then(becomes(pl.col(column)).cast(frame.schema[column])).otherwise(column).alias(column)
    frame.with_columns(changed).write_parquet(path)


def seal_again(warehouse: Warehouse, batch: str) -> None:
    """Write the `batch.json` that the files of a batch, as they are now, would have been given."""
    found, _ = issued.survey(warehouse)
    then = next(each for each in found if each.name == batch)
    now = replace(then, files={name: issued.sha256(then.folder / name) for name in then.files})
    (then.folder / issued.NOTE).write_bytes(issued.sealed(now))


def a_cent_more(amount: pl.Expr) -> pl.Expr:
    return amount + pl.lit("0.01").cast(pl.Decimal(38, 4))


def command(warehouse: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> tuple[int, str]:
    """Exit code of `meterhouse verify`, and all it says."""
    monkeypatch.setattr(sys, "argv", ["meterhouse", "verify", "--warehouse", str(warehouse)])
    with pytest.raises(SystemExit) as ended:
        commands.main()
    out, err = capsys.readouterr()
    return int(ended.value.code or 0), out + err


# --- the command -------------------------------------------------------------------------------------------------------------


def test_is_silent_when_all_is_well(
    untouched: Warehouse, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert command(untouched.root, capsys, monkeypatch) == (0, "")


def test_is_silent_where_nothing_is_issued_yet(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert command(tmp_path, capsys, monkeypatch) == (0, "")


def test_exits_1_with_sentences(
    warehouse: Warehouse, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (warehouse.issued / "000002" / "line_shares.parquet").unlink()
    code, said = command(warehouse.root, capsys, monkeypatch)
    assert code == 1
    assert said == (
        "issued/000002/line_shares.parquet is missing. "
        "It holds INV-000003 (acme:period:2026-02-01), INV-000004 (bolt:period:2026-02-01).\n"
    )


def test_a_warehouse_that_is_not_there_is_a_mistake(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    code, said = command(tmp_path / "elsewhere", capsys, monkeypatch)
    assert code == 2
    assert "There is no warehouse at" in said


def test_needs_neither_dagster_nor_dbt(untouched: Warehouse) -> None:
    program = f"""
import sys
from dagster_project.cli.app import main
sys.argv = ["meterhouse", "verify", "--warehouse", {str(untouched.root)!r}]
try:
    main()
finally:
    print(sorted({{name.split(".")[0] for name in sys.modules}} & {{"dagster", "dbt", "great_expectations"}}))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# --- bytes -------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*issued.FILES, issued.NOTE])
@pytest.mark.parametrize("batch", HELD)
def test_one_flipped_byte_names_the_batch_and_its_documents(warehouse: Warehouse, batch: str, name: str) -> None:
    for at in flipped(warehouse.issued / batch / name):
        said = everything_said(warehouse)
        assert f"issued/{batch}/{name} is not as it was" in said, at
        assert all(number in said for number in HELD[batch]), at
    assert findings(warehouse) == []


def test_a_truncated_file_names_the_documents_by_their_numbers(warehouse: Warehouse) -> None:
    path = warehouse.issued / "000001" / "invoices.parquet"
    path.write_bytes(path.read_bytes()[:100])
    assert findings(warehouse) == [
        "issued/000001/invoices.parquet is not as it was issued: its SHA-256 differs. It holds INV-000001, INV-000002."
    ]


def test_a_date_off_the_calendar_is_damage(warehouse: Warehouse) -> None:
    rewrite(warehouse, "000001", "invoices.parquet", "due_date", lambda _: pl.lit(2**30, dtype=pl.Int32))
    assert findings(warehouse) == [
        "issued/000001/invoices.parquet is not as it was issued: its SHA-256 differs. It holds INV-000001, INV-000002."
    ]


def test_a_missing_note_is_named(warehouse: Warehouse) -> None:
    (warehouse.issued / "000002" / issued.NOTE).unlink()
    assert findings(warehouse) == [
        "issued/000002/batch.json is missing. "
        "It holds INV-000003 (acme:period:2026-02-01), INV-000004 (bolt:period:2026-02-01)."
    ]


def test_a_missing_batch_breaks_the_chain_and_the_numbers(warehouse: Warehouse) -> None:
    shutil.rmtree(warehouse.issued / "000001")
    said = everything_said(warehouse)
    assert "issued/000002 stands where issued/000001 should." in said
    assert "issued/000002/batch.json does not follow the batch that stands before it." in said
    assert "Invoice numbers run from INV-000001 without a gap. Not so for 2 documents." in said


# --- values ------------------------------------------------------------------------------------------------------------------


def test_a_changed_total_names_its_document_only(warehouse: Warehouse) -> None:
    rewrite(warehouse, "000001", "invoices.parquet", "total", a_cent_more)
    changed = [sentence for sentence in findings(warehouse) if "is not what was issued" in sentence]
    assert [sentence.partition(" in ")[0] for sentence in changed] == ["INV-000001 (acme:period:2026-01-01)"]


def test_a_changed_line_is_found_though_its_file_was_sealed_again(warehouse: Warehouse) -> None:
    rewrite(warehouse, "000002", "invoice_lines.parquet", "description", lambda _: pl.lit("Something else"))
    seal_again(warehouse, "000002")
    (sentence,) = findings(warehouse)
    assert sentence.startswith("INV-000003 (acme:period:2026-02-01) in issued/000002 is not what was issued")


def test_a_batch_that_was_sealed_again_breaks_the_chain(warehouse: Warehouse) -> None:
    rewrite(warehouse, "000001", "contract_facts.parquet", "timezone", lambda _: pl.lit("Europe/Berlin"))
    seal_again(warehouse, "000001")
    (sentence,) = findings(warehouse)
    assert "issued/000002/batch.json does not follow the batch that stands before it." in sentence


def test_a_changed_balance_names_its_grant(warehouse: Warehouse) -> None:
    rewrite(warehouse, "000002", "credit_ledger.parquet", "balance_after", a_cent_more)
    seal_again(warehouse, "000002")
    (sentence,) = findings(warehouse)
    assert "Every balance is the sum of its grant's entries" in sentence
    assert "grant_id gift" in sentence


def test_a_changed_draw_names_its_line(warehouse: Warehouse) -> None:
    rewrite(warehouse, "000002", "credit_ledger.parquet", "amount", a_cent_more)
    seal_again(warehouse, "000002")
    said = everything_said(warehouse)
    assert "What credits pay of a line is what the ledger drew for it. Not so for 1 lines." in said
    assert "invoice_id acme:period:2026-02-01, line_no 1" in said


# --- runs --------------------------------------------------------------------------------------------------------------------


def test_a_run_refuses_what_is_not_as_it_was_issued(warehouse: Warehouse) -> None:
    rewrite(warehouse, "000001", "invoices.parquet", "total", a_cent_more)
    with pytest.raises(UserError, match=r"issued/000001/invoices\.parquet is not as it was issued"):
        issued.read(warehouse, instant("2026-04-01"))


@pytest.mark.parametrize("damage", [Path.unlink, lambda note: note.write_text("{}")])
def test_a_run_refuses_a_batch_without_its_note(warehouse: Warehouse, damage: Callable[[Path], None]) -> None:
    damage(warehouse.issued / "000001" / issued.NOTE)
    with pytest.raises(UserError, match=r"issued/000001/batch\.json is"):
        issued.batches(warehouse)
