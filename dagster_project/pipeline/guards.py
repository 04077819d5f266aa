"""What a run refuses before it begins, and how much it may issue (R-48).

What belongs here: mistakes in how a run was asked for, told before anything is read or written. What does not: mistakes in books or
events.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import polars as pl
import pyarrow as pa

from dagster_project import landing
from dagster_project.errors import UserError
from dagster_project.landing.inbox import Inbox
from dagster_project.warehouse import issued
from dagster_project.warehouse.paths import Warehouse

AHEAD_AT_MOST = timedelta(days=1)
FIRST_NUMBER = "INV-000001"


def refuse_places(inbox: str, warehouse: Path) -> None:
    """Raise `UserError`, with a sentence for each, where inbox or warehouse cannot be what it is said to be."""
    wrong = [*_inbox_faults(inbox), *folder_faults(warehouse, "warehouse", "--warehouse")]
    if wrong:
        raise UserError(*wrong)


def folder_faults(folder: Path, called: str, flag: str) -> list[str]:
    """A sentence where a folder that is to be written, or one above it, is a file."""
    for place in (folder, *folder.parents):
        if place.exists() and not place.is_dir():
            return [f"The {called} {folder} cannot be a folder: {place} is a file. Name a folder with {flag}."]
    return []


def _inbox_faults(location: str) -> list[str]:
    if "://" not in location:
        folder = Path(location)
        if not folder.exists():
            return [f"There is no inbox {location}. Create the folder, or name the one that events arrive in with --inbox."]
        if not folder.is_dir():
            return [f"The inbox {location} is a file. Name the folder that it lies in with --inbox."]
        return []
    try:
        Inbox(location).files()
    except (OSError, pa.ArrowException) as error:
        said = (str(error).splitlines() or [type(error).__name__])[0]
        return [f"The inbox {location} cannot be reached: {said}. Look at its address, the network and your rights there."]
    return []


def refuse_the_future(as_of: datetime, now: datetime) -> None:
    """Raise `UserError` for an as_of more than a day ahead of the machine's clock: what it issued would be issued for good."""
    if as_of > now + AHEAD_AT_MOST:
        raise UserError(
            f"as_of {as_of:%Y-%m-%dT%H:%M:%SZ} lies more than a day ahead of this machine's clock, {now:%Y-%m-%dT%H:%M:%SZ}: it would "
            "issue invoices for good, and no earlier as_of could follow. Give the true date; if it is meant, add --allow-future."
        )


def is_new(warehouse: Warehouse) -> bool:
    """Whether no run has landed or issued anything here."""
    return not landing.landings(warehouse) and not issued.folders(warehouse)


def begins_numbering(warehouse: Warehouse) -> str:
    """What a first run says."""
    return f"{warehouse.root} is a new warehouse: its invoices are numbered from {FIRST_NUMBER} on."


@dataclass(frozen=True, slots=True)
class IssueLimit:
    """The most that one run may issue: so many documents, or so much money in each currency (or in one)."""

    documents: int | None = None
    amount: Decimal | None = None
    currency: str | None = None

    @classmethod
    def of(cls, text: str) -> IssueLimit:
        """`500` documents; `25000.00` in each currency; `25000.00 USD` in one, and nothing in others is bounded. Raises `UserError`."""
        if re.fullmatch(r"\d+", text):
            return cls(documents=int(text))
        if read := re.fullmatch(r"(\d+(?:\.\d+)?)(?: ?([A-Z]{3}))?", text):
            return cls(amount=Decimal(read[1]), currency=read[2])
        raise UserError(
            f"--limit-issue `{text}` is no limit. Write a number of documents (500), or an amount with a point (25000.00) or with its "
            "currency (25000 USD)."
        )

    def refuse(self, invoices: pl.DataFrame) -> None:
        """Raise `UserError` where these documents (INVOICES, about to be issued) are more. Money back counts like money asked for."""
        if self.documents is not None and invoices.height > self.documents:
            raise UserError(_too_much(f"{invoices.height:,} documents", f"{self.documents:,}"))
        if self.amount is None:
            return
        sums = invoices.group_by("currency").agg(pl.col("total").abs().sum()).sort("currency")
        over = [
            _too_much(f"{total:,f} {currency}", f"{self.amount:,f}")
            for currency, total in sums.iter_rows()
            if self.currency in (None, currency) and total > self.amount
        ]
        if over:
            raise UserError(*over)


def _too_much(asked: str, limit: str) -> str:
    return (
        f"This run would issue {asked}, and --limit-issue allows {limit}. Nothing was issued. Look at the drafts with --no-issue; "
        "if they are right, run again with a higher limit."
    )
