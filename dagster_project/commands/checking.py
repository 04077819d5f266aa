"""`meterhouse check`: the books, before anything is rated from them."""

from __future__ import annotations

from pathlib import Path

from rating import books

from dagster_project.commands.screen import screen
from dagster_project.mistakes import Mistake


def check(folder: Path) -> None:
    """Say what the books hold. Raises `Mistake` with every problem and their number."""
    try:
        found = books.load(folder)
    except books.BooksError as error:
        count = len(error.problems)
        raise Mistake(*map(str, error.problems), f"{count} mistake{'s' if count > 1 else ''} in {folder}.") from None
    for warning in found.warnings:
        screen.print(f"[yellow]warning[/yellow] {warning}", soft_wrap=True)
    screen.print(
        f"{found.settings.organization}: {found.meters.height} meters, {found.pricings.height} pricings, {found.plans.height} plans, "
        f"{found.customers.height:,} customers, {found.contracts.height:,} contracts. No mistakes in {folder} (version {found.version[:12]}).",
        soft_wrap=True,
    )
