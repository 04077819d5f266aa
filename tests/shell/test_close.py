"""R-82: the month's close as a workbook, read back cell by cell."""

from __future__ import annotations

import io
import shutil
import zipfile
from decimal import Decimal
from pathlib import Path
from xml.etree import ElementTree as ET

import duckdb
import pytest
from typer.testing import CliRunner

from dagster_project.cli.app import app
from dagster_project.cli.close import workbook
from dagster_project.queries import month_close
from dagster_project.warehouse.database import published
from dagster_project.warehouse.paths import Warehouse
from tests.shell.conftest import AS_OF, Night
from tests.shell.test_a_night import rows

NS = {"m": "http://schemas.openxmlformats.org/spreadsheetml/2006/main"}
MONTH = "2026-02"


@pytest.fixture(scope="module")
def sheets(night: Night) -> list[month_close.Closed]:
    with published(night[0].warehouse) as marts:
        return month_close.close(marts, MONTH)


def cells(content: bytes) -> dict[str, list[list[str | None]]]:
    """Every sheet's cells as texts, by the sheet's name."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        shared = ["".join(text.itertext()) for text in ET.fromstring(archive.read("xl/sharedStrings.xml"))]
        names = [one.attrib["name"] for one in ET.fromstring(archive.read("xl/workbook.xml")).iterfind(".//m:sheet", NS)]
        found = {}
        for number, name in enumerate(names, 1):
            table: list[list[str | None]] = []
            for row in ET.fromstring(archive.read(f"xl/worksheets/sheet{number}.xml")).iterfind(".//m:row", NS):
                values: dict[int, str] = {}
                for cell in row.iterfind("m:c", NS):
                    letters = cell.attrib["r"].rstrip("0123456789")
                    place = sum((ord(letter) - 64) * 26**power for power, letter in enumerate(reversed(letters))) - 1
                    value = cell.findtext("m:v", namespaces=NS) or ""
                    values[place] = shared[int(value)] if cell.attrib.get("t") == "s" else value
                table.append([values.get(place) for place in range(max(values, default=-1) + 1)])
            found[name] = table
        return found


def test_every_sheet_is_tied_and_ties(sheets: list[month_close.Closed]) -> None:
    assert [one.sheet.name for one in sheets] == [sheet.name for sheet in month_close.SHEETS]
    for one in sheets:
        assert one.holds, one.ties
    tied = {one.sheet.name for one in sheets if one.ties.height}
    assert {"Invoices", "Lines", "Revenue", "Credits", "Deferred revenue", "Reconciliation"} <= tied


def test_the_workbook_holds_what_the_marts_hold(night: Night, sheets: list[month_close.Closed]) -> None:
    run, _ = night
    content = workbook(MONTH, sheets, AS_OF)
    assert content == workbook(MONTH, sheets, AS_OF)
    found = cells(content)
    head, *invoices = found["Invoices"][1:]
    total = head.index("total")
    expected = rows(
        run.warehouse, f"select number, total from marts.invoices where \"month\" = '{MONTH}' order by number nulls last"
    )
    assert [(row[0], Decimal(row[total] or "0")) for row in invoices] == expected.rows()
    head, *grants = found["Credits"][1:]
    opening, closes = head.index("opening"), head.index("closing")
    moved = range(opening + 1, closes)
    for row in grants:
        assert sum(Decimal(row[place] or "0") for place in [opening, *moved]) == Decimal(row[closes] or "0")
    assert {row[-1] for row in found["Summary"][2:]} == {"yes"}


def test_the_command_writes_it_and_refuses_a_month_without_documents(night: Night, tmp_path: Path) -> None:
    said = ["close", "--warehouse", str(night[0].warehouse.root), "--out", str(tmp_path / "close.xlsx")]
    outcome = CliRunner().invoke(app, [*said, "--period", MONTH])
    assert outcome.exit_code == 0, outcome.output
    assert "Every sheet ties." in outcome.output
    assert (tmp_path / "close.xlsx").stat().st_size > 5_000
    outcome = CliRunner().invoke(app, [*said, "--period", "2031-01"])
    assert "No document is of the billing month 2031-01" in str(outcome.exception)


def test_a_sheet_that_does_not_tie_is_named(night: Night, tmp_path: Path) -> None:
    tampered = Warehouse(tmp_path / "warehouse")
    tampered.root.mkdir()
    shutil.copy(night[0].warehouse.database, tampered.database)
    with duckdb.connect(str(tampered.database)) as marts:
        marts.execute(f"update marts.invoices set total = total + 1 where \"month\" = '{MONTH}' and kind = 'period'")
    out = tmp_path / "close.xlsx"
    outcome = CliRunner().invoke(app, ["close", "--warehouse", str(tampered.root), "--period", MONTH, "--out", str(out)])
    assert outcome.exit_code == 1
    assert "does not tie Invoices: total USD is" in outcome.output
    assert "NO" in {row[-1] for row in cells(out.read_bytes())["Summary"][2:]}
