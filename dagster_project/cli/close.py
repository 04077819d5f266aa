"""`meterhouse close`: the month's close as one workbook."""

from __future__ import annotations

import io
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import polars as pl
import typer
import xlsxwriter
from xlsxwriter.worksheet import Worksheet

from dagster_project import settings
from dagster_project.cli.screen import screen
from dagster_project.errors import UserError
from dagster_project.queries import month_close
from dagster_project.queries.month_close import Closed
from dagster_project.render.figures import money
from dagster_project.render.workbook import Formats, write_table
from dagster_project.warehouse.database import fetch, published
from dagster_project.warehouse.files import write_atomically
from dagster_project.warehouse.paths import Warehouse

DRAFTS = """
    select count(*) filter (status = 'draft') as drafts, count(*) as documents, max(issued_at) as issued_at
    from marts.invoices where "month" = $period
"""


def close(warehouse: Path, period: str, out: Path) -> None:
    """Write the workbook and say how its sheets tie. Exits 1 if one does not; raises `UserError` for a month without documents."""
    month = settings.month(period)
    with published(Warehouse(warehouse)) as marts:
        [(drafts, documents, issued_at)] = fetch(marts, DRAFTS, {"period": month}).rows()
        if not documents:
            raise UserError(
                f"No document is of the billing month {month}. Write a month that has been billed, such as 2026-01."
            )
        sheets = month_close.close(marts, month)
    write_atomically(out, workbook(month, sheets, issued_at))
    screen.print(f"{out}: {len(sheets)} sheets of {month}, {documents:,} documents, {drafts:,} of them drafts.", soft_wrap=True)
    for closed in sheets:
        for currency, figure, sums, control, difference in closed.ties.iter_rows():
            if difference:
                screen.print(
                    f"[red]does not tie[/red] {closed.sheet.name}: {figure} {currency} is {money(sums)}, but "
                    f"{closed.sheet.controlled_by} say {money(control)} ({money(difference)}).",
                    soft_wrap=True,
                )
    if not all(closed.holds for closed in sheets):
        raise typer.Exit(1)
    screen.print("Every sheet ties.")


def workbook(month: str, sheets: Sequence[Closed], issued_at: datetime | None) -> bytes:
    """The workbook: a summary of the ties, then the sheets. The same marts give the same bytes."""
    target = io.BytesIO()
    with xlsxwriter.Workbook(target, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}) as book:
        book.set_properties({"title": f"Close {month}", "created": issued_at or datetime(2000, 1, 1)})  # noqa: DTZ001
        formats = Formats.of(book)
        _summary(book.add_worksheet("Summary"), month, sheets, formats)
        for closed in sheets:
            sheet = book.add_worksheet(closed.sheet.name)
            sheet.write_string(0, 0, closed.sheet.says, formats.note)
            _table(sheet, 2, closed.rows, formats)
            sheet.freeze_panes(3, 0)
            if closed.rows.height:
                sheet.autofilter(2, 0, 2 + closed.rows.height, closed.rows.width - 1)
    return target.getvalue()


def _summary(sheet: Worksheet, month: str, sheets: Sequence[Closed], formats: Formats) -> None:
    sheet.write_string(0, 0, f"Close {month}", formats.title)
    ties = [
        closed.ties.select(
            sheet=pl.lit(closed.sheet.name),
            figure="figure",
            currency="currency",
            adds_up_to="adds_up_to",
            control="control",
            controlled_by=pl.lit(closed.sheet.controlled_by),
            difference="difference",
            ties=pl.when(pl.col("difference") == 0).then(pl.lit("yes")).otherwise(pl.lit("NO")),
        )
        for closed in sheets
    ]
    _table(sheet, 2, pl.concat(ties), formats)
    sheet.freeze_panes(3, 0)


def _table(sheet: Worksheet, top: int, frame: pl.DataFrame, formats: Formats) -> None:
    write_table(sheet, top, frame.columns, [frame.get_column(name).to_list() for name in frame.columns], formats)
