"""CSV and Parquet files to plain values, with the line of every row where the file has lines.

A flat file becomes the same tree a YAML file would give, so that everything after this page is the same for both.
An empty cell is an absent key. What belongs here: bytes to rows. What does not: what any column means.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import polars as pl

from rating.books.problems import Problem
from rating.books.source_locations import Document, Step
from rating.books.values import Number, canonical_number

# lists in a cell, such as the meters a grant applies to
_LIST_COLUMNS = frozenset({"applies_to", "contacts"})
_SEPARATORS = re.compile(r"[;,|]")


@dataclass(frozen=True, slots=True)
class Cells:
    """The rows of one CSV file as texts, each with the line it begins on."""

    file: str
    header: list[str]
    rows: list[list[str]]
    lines: list[int]


def read_csv(file: str, text: str) -> tuple[Cells | None, list[Problem]]:
    """A CSV text as a table of cells; rows of another length than the header are problems and left out (R-5)."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    problems: list[Problem] = []
    rows: list[list[str]] = []
    lines: list[int] = []
    try:
        header = [name.strip() for name in next(reader, [])]
        if problem := _header_problem(file, header):
            return None, [problem]
        before = reader.line_num
        for row in reader:
            line, before = before + 1, reader.line_num
            if not any(row):
                continue
            if len(row) != len(header):
                what = f"this row has {len(row)} cells, the header has {len(header)}"
                problems.append(
                    Problem(file, line, "", what, "Give every row one cell a column; quote cells that hold a comma")
                )
                continue
            rows.append(row)
            lines.append(line)
    except csv.Error as error:
        return None, [*problems, Problem(file, reader.line_num, "", f"this is no CSV: {error}", "Check the quotes of this row")]
    return Cells(file, header, rows, lines), problems


def _header_problem(file: str, header: list[str]) -> Problem | None:
    if not any(header):
        return Problem(file, 1, "", "the file has no header", "Name the columns in the first line")
    if twice := sorted({name for name in header if header.count(name) > 1}):
        return Problem(file, 1, twice[0], f"column `{twice[0]}` is there twice", "Keep one of the two")
    if "" in header:
        return Problem(
            file, 1, "", f"column {header.index('') + 1} has no name", "Name every column, or take the empty one out"
        )
    return None


def bulk_csv(cells: Cells, section: str) -> Document:
    """A bulk CSV as a document of one section: one item a row, empty cells absent."""
    names = cells.header
    items = [{name: _cell(name, cell) for name, cell in zip(names, row, strict=True) if cell != ""} for row in cells.rows]
    lines: dict[tuple[Step, ...], int] = {(): 1}
    lines.update({(section, position): line for position, line in enumerate(cells.lines)})
    return Document(cells.file, {section: items}, lines)


def _cell(name: str, cell: str) -> str | list[str]:
    return [part.strip() for part in _SEPARATORS.split(cell) if part.strip()] if name in _LIST_COLUMNS else cell


def bulk_parquet(file: str, content: bytes, section: str) -> tuple[Document | None, list[str], list[Problem]]:
    """A bulk Parquet file as a document of one section, its columns, and what is wrong with it. Parquet has no lines."""
    try:
        frame = pl.read_parquet(io.BytesIO(content))
        rows = frame.rows()
    except Exception as error:  # the reader fails in many ways over bytes that are no Parquet
        what = str(error).splitlines()[0] if str(error) else type(error).__name__
        return None, [], [Problem(file, None, "", f"this is no Parquet file: {what}", "Write it again as Parquet, or as CSV")]
    names = frame.columns
    items = [{name: _typed(name, value) for name, value in zip(names, row, strict=True) if value is not None} for row in rows]
    return Document(file, {section: items}, {}), names, []


def _typed(name: str, value: Any) -> Any:
    """A typed cell as the YAML reader would give it: numbers by their shortest decimal text."""
    if isinstance(value, bool | date | datetime):
        return value
    if isinstance(value, int | Decimal):
        return Number(canonical_number(Decimal(value)))
    if isinstance(value, str):
        return _cell(name, value) if value else None
    if isinstance(value, list):
        return [_typed("", item) for item in value]
    # a binary float, by the shortest decimal text that names it
    text = repr(value)
    try:
        return Number(canonical_number(Decimal(text)))
    except ArithmeticError:
        return text


def rate_table(cells: Cells, group_keys: Sequence[str]) -> Document:
    """A card's CSV as a document of one section `entries`: one entry a row, or, where there are tier columns, one entry a
    combination with its rows as tiers in file order (R-26)."""
    entries: list[dict[str, Any]] = []
    lines: dict[tuple[Step, ...], int] = {(): 1}
    by_combination: dict[tuple[str, ...], int] = {}
    tiered = "rate" not in cells.header
    for texts, line in zip(cells.rows, cells.lines, strict=True):
        row = dict(zip(cells.header, texts, strict=True))
        dimensions = {key: row[key] or None for key in group_keys}
        if not tiered:
            lines["entries", len(entries)] = line
            entries.append({"dimensions": dimensions, "rate": row["rate"] or None})
            continue
        combination = tuple(row[key] for key in group_keys)
        position = by_combination.setdefault(combination, len(entries))
        if position == len(entries):
            lines["entries", position] = line
            entries.append({"dimensions": dimensions, "tiers": []})
        tiers = entries[position]["tiers"]
        lines["entries", position, "tiers", len(tiers)] = line
        tiers.append({name: row[name] for name in ("up_to", "unit_amount", "flat_amount") if row.get(name)})
    return Document(cells.file, {"entries": entries}, lines)
