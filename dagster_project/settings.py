"""Where books, inbox and warehouse lie, and what instant a text names: what a person may say of a run."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from dagster_project.errors import UserError
from rating.calendar import naive_utc
from rating.rate import Months

BOOKS = "contracts_data/acme_ai"
INBOX = "inbox"
WAREHOUSE = "warehouse"


@dataclass(frozen=True, slots=True)
class Locations:
    """The three places of a run."""

    books: Path
    inbox: str
    warehouse: Path

    @classmethod
    def of(
        cls, environment: Mapping[str, str], books: str | None = None, inbox: str | None = None, warehouse: str | None = None
    ) -> Locations:
        """What is said, else what METERHOUSE_… says, else the defaults."""
        return cls(
            Path(books or environment.get("METERHOUSE_BOOKS", BOOKS)),
            inbox or environment.get("METERHOUSE_INBOX", INBOX),
            Path(warehouse or environment.get("METERHOUSE_WAREHOUSE", WAREHOUSE)),
        )


def register(environment: Mapping[str, str]) -> str | None:
    """The register that METERHOUSE_REGISTER names; None: the one in the warehouse, if there is one."""
    return environment.get("METERHOUSE_REGISTER") or None


def instant(text: str) -> datetime:
    """The UTC instant (naive) that an ISO date or instant names; no offset means UTC. Raises `UserError`."""
    try:
        named = datetime.fromisoformat(text)
    except ValueError:
        raise UserError(
            f"`{text}` names no instant. Write a date (2026-02-01) or an ISO instant (2026-02-01T03:00:00Z)."
        ) from None
    return naive_utc(named)


def now() -> datetime:
    """The moment a run starts, in UTC (naive), where nobody gave it another clock."""
    return datetime.now(UTC).replace(tzinfo=None)


def month(text: str) -> str:
    """A billing month as YYYY-MM. Raises `UserError`."""
    if not re.fullmatch(r"\d{4}-(0[1-9]|1[0-2])", text):
        raise UserError(f"`{text}` names no month. Write it as 2026-01.")
    return text


def months(first: str | None, last: str | None) -> Months:
    """Billing months from first to last, both included; None: no bound. Raises `UserError`."""
    chosen = Months(first and month(first), last and month(last))
    if chosen.first and chosen.last and chosen.first > chosen.last:
        raise UserError(f"{chosen.first} comes after {chosen.last}. Give the earlier month first.")
    return chosen
