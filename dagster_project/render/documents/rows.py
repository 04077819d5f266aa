"""A document as rows, for who loads or checks it: CSV with every digit, XLSX with the document and its lines."""

from __future__ import annotations

import csv as _csv
import io
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

import xlsxwriter

from dagster_project.queries.documents import Document
from dagster_project.render.workbook import Formats, write_cell, write_table
from rating.books.values import canonical_number

HEADER = (
    "invoice_id",
    "number",
    "status",
    "kind",
    "seller_name",
    "customer_name",
    "customer_id",
    "contract_id",
    "currency",
    "starts_on",
    "ends_on",
    "issued_on",
    "due_date",
    "adjusts_number",
    "subtotal",
    "credits_applied",
    "total",
)
LINE = (
    "line_no",
    "kind",
    "description",
    "pricing_code",
    "meter_code",
    "dimensions",
    "quantity",
    "unit_rate",
    "per",
    "exact_amount",
    "amount",
    "credits_applied",
    "rate_source",
    "service_from",
    "service_to",
    "event_count",
)
# what a spreadsheet would take for a formula when it opens a CSV
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def csv(document: Document) -> bytes:
    """One row a line, with what says which document it is of; a document without lines has its header alone."""
    target = io.StringIO()
    writer = _csv.writer(target, lineterminator="\r\n")
    of_document = ("invoice_id", "number", "status", "currency", "starts_on", "ends_on")
    writer.writerow([*of_document, *LINE])
    for line in document.lines:
        writer.writerow([_text(document.header[name]) for name in of_document] + [_text(line[name]) for name in LINE])
    return target.getvalue().encode("utf-8-sig")


def xlsx(document: Document) -> bytes:
    """Three sheets: the document, its lines, its credits. Amounts are numbers as far as a spreadsheet keeps their digits."""
    target = io.BytesIO()
    with xlsxwriter.Workbook(target, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}) as book:
        made = document.header["issued_at"] or datetime(2000, 1, 1)  # noqa: DTZ001 - naive UTC throughout
        book.set_properties({"title": document.name, "created": made})
        formats = Formats.of(book)
        sheet = book.add_worksheet("Document")
        sheet.set_column(0, 0, 18)
        sheet.set_column(1, 1, 48)
        if document.is_draft:
            sheet.write_string(0, 0, "DRAFT", formats.wrong)
        for row, name in enumerate(HEADER, 1):
            sheet.write_string(row, 0, name.replace("_", " "), formats.head)
            write_cell(sheet, row, 1, document.header[name], formats)
        _sheet(book, "Lines", LINE, document.lines, formats, is_draft=document.is_draft)
        _sheet(book, "Credits", ("grant_id", "amount", "balance_after"), document.credits, formats, is_draft=document.is_draft)
    return target.getvalue()


def _sheet(
    book: xlsxwriter.Workbook,
    name: str,
    columns: Sequence[str],
    rows: Sequence[dict[str, Any]],
    formats: Formats,
    *,
    is_draft: bool,
) -> None:
    sheet = book.add_worksheet(name)
    if is_draft:
        sheet.write_string(0, 0, "DRAFT", formats.wrong)
    write_table(sheet, 1, columns, [[row[column] for row in rows] for column in columns], formats)
    sheet.freeze_panes(2, 0)


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, Decimal):
        return canonical_number(value)
    text = str(value)
    return f"'{text}" if isinstance(value, str) and text.startswith(_FORMULA) else text
