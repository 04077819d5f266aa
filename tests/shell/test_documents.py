"""`meterhouse documents` (R-82): what a document says is what the marts say, in every format, and the same bytes every time."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import openpyxl
import pypdf
import pytest
from typer.testing import CliRunner

from dagster_project.cli.app import app
from dagster_project.cli.documents import file_name, write
from dagster_project.cli.launch import launch
from dagster_project.errors import UserError
from dagster_project.pipeline.run import Run
from dagster_project.queries.documents import Document, documents, ids_of
from dagster_project.render.documents import FORMATS
from dagster_project.render.figures import money
from dagster_project.warehouse import issued
from dagster_project.warehouse.database import published
from tests.shell.conftest import ACME, Night, moment


@pytest.fixture(scope="module")
def sent(night: Night) -> list[Document]:
    with published(night[0].warehouse) as marts:
        return list(documents(marts, ids_of(marts)))


def text_of(pdf: bytes) -> list[str]:
    return [page.extract_text() for page in pypdf.PdfReader(io.BytesIO(pdf)).pages]


def test_every_page_of_a_pdf_holds_what_the_marts_say(sent: list[Document]) -> None:
    for document in sent:
        header, pages = document.header, text_of(FORMATS["pdf"](document))
        whole = " ".join("\n".join(pages).split())
        digits = header["minor_digits"]
        assert f"{header['currency']} {money(abs(header['total']), digits)}" in whole
        for line in document.lines:
            assert money(line["amount"], digits) in whole
            assert " ".join(line["description"].split()) in whole
        assert all(("DRAFT" in page) is document.is_draft for page in pages)


def test_the_totals_that_a_pdf_says_are_those_of_the_marts(sent: list[Document]) -> None:
    """Read back as figures from the text of its last sums, not looked for."""
    for document in sent:
        header = document.header
        whole = " ".join(" ".join(text_of(FORMATS["pdf"](document))).split())
        said = {
            label: Decimal(figure.replace(",", ""))
            for label, figure in re.findall(
                r"\b(Subtotal|Paid by credits|Due|To be paid back)(?:, [A-Z]{3})? (-?[\d,]+\.?\d*)(?= |$)", whole
            )
        }
        assert said.get("Due", -said.get("To be paid back", Decimal(0))) == header["total"]
        assert said.get("Subtotal", header["total"]) == header["subtotal"]
        assert -said.get("Paid by credits", Decimal(0)) == header["credits_applied"]


def test_rows_of_csv_and_xlsx_add_up_to_the_document(sent: list[Document]) -> None:
    for document in sent:
        rows = list(csv.DictReader(io.StringIO(FORMATS["csv"](document).decode("utf-8-sig"))))
        assert sum((Decimal(row["amount"]) for row in rows), Decimal(0)) == document.header["subtotal"]
        assert sum((Decimal(row["credits_applied"]) for row in rows), Decimal(0)) == document.header["credits_applied"]
        book = openpyxl.load_workbook(io.BytesIO(FORMATS["xlsx"](document)))
        head, *lines = list(book["Lines"].iter_rows(min_row=2, values_only=True))
        amount = head.index("amount")
        assert [Decimal(str(line[amount])) for line in lines] == [line["amount"] for line in document.lines]
        said = dict(row[:2] for row in book["Document"].iter_rows(values_only=True) if row[0])
        assert Decimal(str(said["total"])) == document.header["total"]
        assert ("DRAFT" in said) is document.is_draft


def test_what_credits_leave_is_the_balance_of_the_ledger(night: Night, sent: list[Document]) -> None:
    """The ledger as it was entered, entry by entry, gives the same rest."""
    run, _ = night
    for batch in issued.batches(run.warehouse):
        ledger = issued.issued_at(run.warehouse, batch.as_of).ledger
        rest = {
            (row["invoice_id"], row["grant_id"]): row["balance_after"]
            for row in ledger.iter_rows(named=True)
            if row["invoice_id"]
        }
        for document in sent:
            for credit in document.credits:
                expected = rest.get((document.header["invoice_id"], credit["grant_id"]))
                assert expected in (None, credit["balance_after"])


def test_the_same_document_is_the_same_bytes_in_another_process(night: Night, sent: list[Document], tmp_path: Path) -> None:
    run, _ = night
    ids = [document.header["invoice_id"] for document in sent]
    for folder in ("first", "second"):
        (tmp_path / folder).mkdir()
        write(run.warehouse.root, tmp_path / folder, ids, [*FORMATS])
    files = sorted(path.name for path in (tmp_path / "first").iterdir())
    assert len(files) == len(ids) * len(FORMATS)
    for name in files:
        assert (tmp_path / "first" / name).read_bytes() == (tmp_path / "second" / name).read_bytes()


def test_names_addresses_and_local_days_stand_on_it_and_no_path(sent: list[Document]) -> None:
    document = next(one for one in sent if one.header["contract_id"] == "acme-2026" and one.header["kind"] == "period")
    page = FORMATS["html"](document).decode()
    for said in (
        "Acme AI",
        "548 Market Street",
        "Acme Corporation",
        "1 Anvil Way",
        "ap@acme.example",
        "2026-01-01 to 2026-01-31",
    ):
        assert said in page, said
    assert ".yml" not in page
    assert "(net 30)" in page


def test_what_is_issued_keeps_its_letterhead_and_names_and_a_draft_takes_new_ones(
    small_run: Callable[..., Run], tmp_path: Path
) -> None:
    books = tmp_path / "books"
    shutil.copytree(ACME, books, ignore=shutil.ignore_patterns("sample_events"))
    assert launch(small_run(books_folder=books)).balanced
    with published(small_run().warehouse) as marts:
        old = list(documents(marts, ids_of(marts)))
    before = {one.name: (FORMATS["html"](one), [product.name for product in one.products]) for one in old}
    assert any("AI Call Pricing" in products for _, products in before.values())
    settings, pricings = books / "settings.yml", books / "pricings.yml"
    settings.write_text(settings.read_text().replace("548 Market Street", "1 New Street"))
    pricings.write_text(pricings.read_text().replace("AI Call Pricing", "Calls by Agents"))
    assert launch(small_run(books_folder=books, as_of=datetime(2026, 4, 11))).balanced  # noqa: DTZ001
    with published(small_run().warehouse) as marts:
        after = list(documents(marts, ids_of(marts)))
    assert any(one.is_draft for one in after)
    for one in after:
        page = FORMATS["html"](one)
        assert (b"1 New Street" in page) is one.is_draft
        assert one.is_draft or (page, [product.name for product in one.products]) == before[one.name]


def test_what_was_issued_before_there_were_letterheads_takes_those_of_now(small_run: Callable[..., Run]) -> None:
    run = small_run()
    assert launch(run).balanced
    [batch] = issued.batches(run.warehouse)
    (batch.folder / issued.LETTERHEADS_FILE).unlink()
    files = {name: sha for name, sha in batch.files.items() if name != issued.LETTERHEADS_FILE}
    said = json.loads((batch.folder / issued.NOTE).read_bytes())
    old = issued.Batch(
        batch.name, moment(said["as_of"]), *(getattr(batch, name) for name in ("books_version", "documents", "ledger_entries",
        "first_number", "last_number")), files, None, batch.folder
    )  # fmt: skip
    (batch.folder / issued.NOTE).write_bytes(issued.sealed(old))
    shutil.rmtree(run.warehouse.derived)
    assert launch(small_run(as_of=datetime(2026, 4, 12))).balanced  # noqa: DTZ001
    with published(run.warehouse) as marts:
        assert all("Market Street" in (one.header["seller_address"] or "") for one in documents(marts, ids_of(marts)))


def test_the_command_writes_a_month_or_one_document_and_says_what_it_does_not_know(night: Night, tmp_path: Path) -> None:
    run, _ = night

    def said(*arguments: str) -> str:
        result = CliRunner().invoke(app, ["documents", *arguments, "--warehouse", str(run.warehouse.root)])
        return result.output if result.exception is None else str(result.exception)

    assert "of them drafts" in said("--period", "2026-02", "--out", str(tmp_path / "month"), "--format", "html,csv")
    assert {path.suffix for path in (tmp_path / "month").iterdir()} == {".html", ".csv"}
    assert "1 files of 1 documents" in said("--invoice", "INV-000012", "--out", str(tmp_path / "one"))
    assert [path.name for path in (tmp_path / "one").iterdir()] == ["INV-000012.pdf"]
    assert "No document is called INV-9" in said("--invoice", "INV-9", "--out", str(tmp_path / "none"))
    assert "--format docx" in said("--invoice", "INV-000012", "--out", str(tmp_path / "none"), "--format", "docx")
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("name", ["../../etc/passwd", "a/b", "c:1", "Ünicode", "x" * 300, "..", "=1+1"])
def test_no_name_is_a_path(name: str) -> None:
    assert "/" not in file_name(name)
    assert not file_name(name).startswith(".")
    assert len(file_name(name)) < 100
    assert file_name(name) != file_name(name + "x")


def test_a_warehouse_without_marts_says_what_to_do(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["documents", "--out", str(tmp_path / "o"), "--warehouse", str(tmp_path / "nothing")])
    assert isinstance(result.exception, UserError)
