"""docs/close.md as it stands there: its code is run, its commands print what stands beside them, its tables are in the workbooks."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from typer.testing import CliRunner

from dagster_project.cli.app import app
from dagster_project.cli.demo import airport_books

CHAPTER = Path(__file__).parents[2] / "docs" / "close.md"
FENCE = re.compile(r"```(\w+)\n(.*?)\n```", re.DOTALL)
TABLE = re.compile(r"<!-- (\S+): (.+?) -->\n((?:\|.*\n)+)")
FIGURE = re.compile(r"\d[\d,]*\.\d\d\b|\d{1,3}(?:,\d{3})+")
Row = dict[str, str]


def tables() -> Iterator[tuple[str, str, list[Row]]]:
    """Workbook, sheet and rows of each table of the chapter."""
    for workbook, sheet, text in TABLE.findall(CHAPTER.read_text()):
        head, _, *rows = [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in text.splitlines()]
        yield workbook, sheet, [dict(zip(head, row, strict=True)) for row in rows]


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, list[tuple[str, str]]]]:
    """The folder after the whole chapter, and what its commands printed beside what it says that they print."""
    folder, printed, names = tmp_path_factory.mktemp("close"), [], {"__name__": "chapter"}
    (folder / "contracts_data").symlink_to(airport_books().parent)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        said = ""
        for kind, text in FENCE.findall(CHAPTER.read_text()):
            if kind == "python":
                exec(compile(text, str(CHAPTER), "exec"), names)
            elif kind == "sh":
                said = "".join(_output(line) for line in text.splitlines())
            else:
                printed.append((text, said.strip()))
        yield folder, printed


def _output(line: str) -> str:
    command, *arguments = shlex.split(line)
    assert command == "meterhouse"
    result = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_commands_print_what_stands_beside_them(closed: tuple[Path, list[tuple[str, str]]]) -> None:
    _, printed = closed
    assert len(printed) == 3
    for expected, said in printed:
        assert said == expected


def test_tables_are_in_the_workbooks(closed: tuple[Path, list[tuple[str, str]]]) -> None:
    folder, _ = closed
    shown = list(tables())
    assert len(shown) == 9
    for workbook, sheet, rows in shown:
        written = list(openpyxl.load_workbook(folder / workbook)[sheet].iter_rows(min_row=3, values_only=True))
        head = [str(name) for name in written[0]]
        found = [dict(zip(head, map(_cell, row), strict=True)) for row in written[1:]]
        for row in rows:
            assert any(row.items() <= one.items() for one in found), (workbook, sheet, row)


def _cell(value: Any) -> str:
    """A cell as the chapter writes it: numbers without idle zeros."""
    if value is None:
        return ""
    if isinstance(value, int | float):
        return f"{Decimal(str(value)).normalize():f}"
    return str(value)


def test_figures_of_the_prose_stand_in_a_table() -> None:
    text = CHAPTER.read_text()
    in_tables = {cell for _, _, rows in tables() for row in rows for cell in row.values()}
    prose = FENCE.sub("", TABLE.sub("", text))
    told = {f"{Decimal(figure.replace(',', '')).normalize():f}" for figure in FIGURE.findall(prose)}
    assert told
    assert told <= in_tables
