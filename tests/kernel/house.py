"""A small house to try the kernel in: books as a mapping, usage by instant, one run after another.

Everything a test reads is text: money as `12.50`, quantities and rates without trailing zeros, instants as `2026-01-15` or
`2026-01-15T05:00`. So a test compares every digit, and shows every digit when it fails.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import polars as pl

from rating import tables
from rating.books import Books, load
from rating.documents import Documents
from rating.rate import EVERY_MONTH, Months, rate
from rating.schedule import Schedule, build_schedule

Said = dict[str, Any]

# --- books ----------------------------------------------------------------------------------------------------------------------


def meter(*keys: str, code: str = "USED", name: str = "Units", aggregation: str = "sum") -> Said:
    """A meter with these group keys."""
    key = {} if aggregation == "count" else {"aggregation_key": "units"}
    said = {"code": code, "display_name": name, "event_name": code.lower(), "aggregation": aggregation, **key}
    return said | {"group_keys": list(keys)}


def card(*entries: tuple[dict[str, str], str], code: str = "CARD", **said: Any) -> Said:
    """A rate card of the meter USED: entries as (dimensions, rate)."""
    return {"code": code, "meter": "USED", "entries": priced(*entries), **said}


def priced(*entries: tuple[dict[str, str], str]) -> list[Said]:
    return [{"dimensions": dimensions, "rate": rate} for dimensions, rate in entries]


def per_unit(amount: str, **said: Any) -> Said:
    return {"model": "per_unit", "unit_amount": amount, **said}


def carded(fallback: str, **said: Any) -> Said:
    return {"model": "per_unit", "rate_card": "CARD", "fallback_rate": fallback, **said}


def tiers(*rows: tuple[str | None, str] | tuple[str | None, str, str]) -> list[Said]:
    """Tiers as (up_to, unit_amount) or (up_to, unit_amount, flat_amount); up_to None: the last."""
    return [
        {name: value for name, value in zip(("up_to", "unit_amount", "flat_amount"), row, strict=False) if value}
        for row in rows
    ]


def flat(amount: str, **said: Any) -> Said:
    return {"model": "flat", "amount": amount, **said}


def books(
    *pricings: Said,
    contract: Said | None = None,
    contracts: Iterable[Said] = (),
    grants: Iterable[Said] = (),
    cards: Iterable[Said] = (),
    meters: Iterable[Said] = (),
    plan: Said | None = None,
    plans: Iterable[Said] = (),
    settings: Said | None = None,
) -> Said:
    """Books of the plan `pro` and the contract `acme` from 2026-01-01 on, or of several contracts.

    Pricings are P1, P2, … of the meter USED (one without group keys) unless they say otherwise, and all on the plan `pro`.
    """
    coded = [_pricing(number, said) for number, said in enumerate(pricings, 1)]
    stated = [{"id": "acme", "customer": "c_acme", **(contract or {})}] if not contracts else list(contracts)
    agreed = [{"plan": "pro", "start_date": "2026-01-01", "status": "approved", **said} for said in stated]
    agreed = [{"customer": f"c_{said['id']}", **said} for said in agreed]
    pro = {"code": "pro", "pricings": [said["code"] for said in coded], **(plan or {})}
    return {
        "settings": {"currency": "USD", "timezone": "UTC", "grace_days": 3, "rerate_days": 90, **(settings or {})},
        "meters": list(meters) or [meter()],
        "rate_cards": list(cards),
        "pricings": coded,
        "plans": [{"name": said["code"], **said} for said in [pro, *plans]],
        "customers": [{"id": customer} for customer in sorted({said["customer"] for said in agreed})],
        "contracts": agreed,
        "credit_grants": [{"contract": "acme", "kind": "promotional", **grant} for grant in grants],
    }


def _pricing(number: int, said: Said) -> Said:
    takes_usage = said["model"] not in ("flat", "one_time")
    coded = {"code": f"P{number}", **({"meter": "USED"} if takes_usage else {}), **said}
    return {"name": coded["code"], **coded}


# --- documents as text ----------------------------------------------------------------------------------------------------------


def instant(text: str) -> datetime:
    """An instant, or the first of a day, in UTC."""
    return datetime.fromisoformat(text)


def _shown(value: Any, dtype: pl.DataType | None = None) -> Any:
    if isinstance(value, Decimal):
        text = f"{value:f}"
        whole, _, decimals = text.partition(".")
        decimals = decimals.rstrip("0")
        if dtype == tables.MONEY:
            decimals = decimals.ljust(2, "0")
        text = f"{whole}.{decimals}" if decimals else whole
        return text if value else text.lstrip("-")
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == time() else value.isoformat(timespec="auto").removesuffix(":00")
    if isinstance(value, date):
        return value.isoformat()
    return value


def rows(frame: pl.DataFrame) -> list[SimpleNamespace]:
    """The rows of a frame, every value as text."""
    return [
        SimpleNamespace(**{name: _shown(value, frame.schema[name]) for name, value in row.items()})
        for row in frame.iter_rows(named=True)
    ]


@dataclass(frozen=True)
class Bill:
    """One document: its header and its lines."""

    header: SimpleNamespace
    lines: list[SimpleNamespace]

    @property
    def amounts(self) -> list[str]:
        return [line.amount for line in self.lines]

    @property
    def kinds(self) -> list[str]:
        return [line.kind for line in self.lines]

    @property
    def paid(self) -> list[str]:
        """What credits pay of each line; negative: what goes back to them."""
        return [line.credits_applied for line in self.lines]

    @property
    def total(self) -> str:
        return str(self.header.total)

    def named(self) -> dict[str, str]:
        """Amount by the name of the line."""
        return {line.description: line.amount for line in self.lines}

    def of(self, kind: str) -> list[str]:
        return [line.amount for line in self.lines if line.kind == kind]


def together(*documents: Documents) -> Documents:
    return Documents(*(pl.concat(frames) for frames in zip(*(vars_of(each) for each in documents), strict=True)))


def vars_of(documents: Documents) -> tuple[pl.DataFrame, ...]:
    return documents.invoices, documents.lines, documents.tiers, documents.shares, documents.ledger


@dataclass(frozen=True)
class Run:
    """What stands after a run: `known` is everything issued so far with this run's drafts, `made` what this run brought."""

    known: Documents
    made: Documents

    def bills(self, contract: str = "acme", kind: str | None = None) -> list[Bill]:
        """Documents of a contract in order of kind (initial, period, adjustment) and time."""
        kinds = ["initial", "period", "adjustment"]
        found = [
            Bill(header, [line for line in rows(self.known.lines) if line.invoice_id == header.invoice_id])
            for header in rows(self.known.invoices)
            if header.contract_id == contract and kind in (None, header.kind)
        ]
        return sorted(found, key=lambda bill: (kinds.index(bill.header.kind), bill.header.period_start, bill.header.invoice_id))

    def bill(self, start: str | None = None, kind: str = "period", contract: str = "acme") -> Bill:
        """The one document of this kind (and period start): the first period's if nothing is said."""
        return next(bill for bill in self.bills(contract, kind) if start in (None, bill.header.period_start))

    def adjustments(self, contract: str = "acme") -> list[Bill]:
        return self.bills(contract, "adjustment")

    def entries(self, grant: str | None = None, status: str | None = None) -> list[SimpleNamespace]:
        return [
            entry for entry in rows(self.known.ledger) if grant in (None, entry.grant_id) and status in (None, entry.status)
        ]

    def moves(self, grant: str, status: str | None = None) -> list[tuple[str, str]]:
        """Type and amount of each entry of a grant, in order."""
        return [(entry.type, entry.amount) for entry in self.entries(grant, status)]

    def balance(self, grant: str) -> str:
        return str(self.entries(grant)[-1].balance_after)

    def shares(self, bill: Bill, line_no: int = 1) -> dict[str, str]:
        """The share of each window in a line, by the window's start."""
        return {
            share.window_start: share.amount
            for share in rows(self.known.shares)
            if (share.invoice_id, share.line_no) == (bill.header.invoice_id, line_no)
        }

    def tiers(self, bill: Bill, line_no: int = 1) -> list[SimpleNamespace]:
        return [tier for tier in rows(self.known.tiers) if (tier.invoice_id, tier.line_no) == (bill.header.invoice_id, line_no)]


# --- the house ------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Use:
    """Usage at an instant, as a meter has measured it."""

    at: datetime
    quantity: Decimal
    values: tuple[str | None, ...]
    meter: str
    contract: str
    events: int


class House:
    """Books, usage known so far, and what has been issued; `run` carries them from run to run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.uses: list[Use] = []
        self.issued = Documents.none()
        self.drafts: Documents | None = None
        self.books: Books

    def open(self, said: Said) -> Books:
        """Books from now on (JSON is YAML)."""
        (self.folder / "books.yml").write_text(json.dumps(said), encoding="utf-8")
        self.books = load(self.folder)
        return self.books

    def use(
        self, at: str, quantity: str, *values: str | None, meter: str = "USED", contract: str = "acme", events: int = 1
    ) -> None:
        """Usage becomes known: a sum or count is added up by window, any other aggregation is taken as its period's."""
        self.uses.append(Use(instant(at), Decimal(quantity), values, meter, contract, events))

    def schedule(self, as_of: str) -> Schedule:
        return build_schedule(self.books, instant(as_of), self.issued.invoices)

    def usage(self, schedule: Schedule) -> pl.DataFrame:
        """USAGE: what is known now, in the windows of the schedule; usage outside of every contract is left out."""
        windowed = set(self.books.meters.filter(pl.col("aggregation").is_in(["sum", "count"]))["meter_code"])
        found: dict[tuple[Any, ...], list[Use]] = defaultdict(list)
        windows = list(schedule.windows.iter_rows(named=True))
        for use in self.uses:
            for window in windows:
                if window["contract_id"] == use.contract and window["window_start"] <= use.at < window["window_end"]:
                    bounds = "window" if use.meter in windowed else "period"
                    row = (*_bounds(window, "period"), *_bounds(window, bounds), use.contract, window["customer_id"])
                    found[(*row, use.meter, use.values)].append(use)
        names = ["period_start", "period_end", "window_start", "window_end", "contract_id", "customer_id", "meter_code"]
        return tables.USAGE.frame(
            [
                dict(zip(names, key, strict=False))
                | {"group_values": list(key[-1]), "quantity": _sum(uses), "event_count": sum(use.events for use in uses)}
                for key, uses in found.items()
            ]
            or tables.USAGE.empty()
        )

    def run(self, as_of: str, *, issue: bool = True, months: Months = EVERY_MONTH) -> Run:
        """Rate everything known, keep what is issued and what is pending for the next run."""
        schedule = self.schedule(as_of)
        made = rate(
            self.books,
            schedule,
            self.usage(schedule),
            self.issued,
            instant(as_of),
            months=months,
            issue=issue,
            pending=self.drafts,
        )
        self.issued = together(self.issued, made.with_status("issued"))
        self.drafts = made.with_status("draft")
        return Run(together(self.issued, self.drafts), made)


def _bounds(window: Said, name: str) -> tuple[datetime, datetime]:
    return window[f"{name}_start"], window[f"{name}_end"]


def _sum(uses: Sequence[Use]) -> Decimal:
    return sum((use.quantity for use in uses), Decimal(0))
