"""Cells of a workbook: numbers as numbers as far as a spreadsheet keeps their digits, everything else as text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import xlsxwriter
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

MOST_DIGITS = 15  # of a number that a spreadsheet keeps; longer ones are texts
WIDEST = 60


@dataclass(frozen=True, slots=True)
class Formats:
    """How cells look."""

    title: Format
    note: Format
    head: Format
    number: Format
    instant: Format
    day: Format
    wrong: Format

    @classmethod
    def of(cls, book: xlsxwriter.Workbook) -> Formats:
        return cls(
            title=book.add_format({"bold": True, "font_size": 14}),
            note=book.add_format({"italic": True, "font_color": "#666666"}),
            head=book.add_format({"bold": True, "bottom": 1}),
            number=book.add_format({"num_format": "#,##0.00##########"}),
            instant=book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"}),
            day=book.add_format({"num_format": "yyyy-mm-dd"}),
            wrong=book.add_format({"bold": True, "font_color": "#b00020"}),
        )


def write_table(sheet: Worksheet, top: int, names: Sequence[str], columns: Sequence[Sequence[Any]], formats: Formats) -> None:
    """Columns under their names, each as wide as what stands in it."""
    for place, (name, values) in enumerate(zip(names, columns, strict=True)):
        sheet.write_string(top, place, name.replace("_", " "), formats.head)
        for row, value in enumerate(values, top + 1):
            write_cell(sheet, row, place, value, formats)
        longest = max([len(name), *(len(_text(value)) for value in values)])
        sheet.set_column(place, place, min(longest + 2, WIDEST))


def write_cell(sheet: Worksheet, row: int, place: int, value: Any, formats: Formats) -> None:
    """Numbers as numbers as far as a spreadsheet keeps their digits; ids, names and longer numbers as texts."""
    if value is None:
        return
    if isinstance(value, bool):
        sheet.write_boolean(row, place, value)
    elif isinstance(value, datetime):
        sheet.write_datetime(row, place, value, formats.instant)
    elif isinstance(value, date):
        sheet.write_datetime(row, place, datetime(value.year, value.month, value.day), formats.day)  # noqa: DTZ001
    elif isinstance(value, int | Decimal) and _digits(value) <= MOST_DIGITS:
        sheet.write_number(row, place, value, formats.number if isinstance(value, Decimal) else None)
    else:
        sheet.write_string(row, place, _text(value), formats.wrong if value == "NO" else None)


def _digits(value: int | Decimal) -> int:
    return len(Decimal(value).normalize().as_tuple().digits)


def _text(value: Any) -> str:
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    return "" if value is None else str(value)
