"""What contracts and grants come to once their parts are put together: terms carried forward, overrides with their dates,
grants in instants.

What belongs here: resolution that both the checks and the frames need. What does not: what is allowed.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import polars as pl

from rating.books.contract_files import ContractFiles
from rating.books.models import Contract, CreditGrant, Plan, RateOverride
from rating.books.source_locations import Located, SourceLocation
from rating.books.values import EXACT
from rating.books.zones import known_zones
from rating.calendar import first_instants

_FEW = 100  # so many days are looked up one by one, and remembered
_CARRIED = ("base_fee", "net_terms", "minimum_spend", "maximum_spend", "billing")


@dataclass(frozen=True, slots=True)
class Span:
    """A plan in force over local days `[start, end)`; `end` None: rolls on."""

    plan: str
    start: date
    end: date | None


@dataclass(frozen=True, slots=True)
class DatedOverride:
    """An override with the days it holds, its defaults resolved (R-5b)."""

    terms: RateOverride
    place: SourceLocation
    effective_from: date | datetime
    effective_to: date | datetime | None

    def begins(self, zone: str) -> datetime:
        return instant_in(zone, self.effective_from)

    def ends(self, zone: str) -> datetime | None:
        return None if self.effective_to is None else instant_in(zone, self.effective_to)


def instant_in(zone: str, moment: date | datetime) -> datetime:
    """An instant as it is, a day's first instant in a zone (R-6); a zone that does not exist, which is said elsewhere, as UTC."""
    return moment if isinstance(moment, datetime) else _first_instant(moment, zone)


@functools.cache
def _first_instant(day: date, zone: str) -> datetime:
    known = zone if zone in known_zones() else "UTC"
    instant: datetime = first_instants(pl.Series([day]), pl.Series([known])).item()
    return instant


def overlap(start: datetime, end: datetime | None, other_start: datetime, other_end: datetime | None) -> bool:
    """Whether two half-open intervals share an instant; None is without end."""
    return (end is None or max(start, other_start) < end) and (other_end is None or max(start, other_start) < other_end)


def plan_spans(contract: Contract) -> list[Span]:
    """The plans of a contract in time order."""
    starts = [(contract.start_date, contract.plan)]
    for amendment in sorted(contract.amendments, key=lambda amendment: amendment.effective_date):
        if amendment.plan is not None:
            starts.append((amendment.effective_date, amendment.plan))
    ends = [start for start, _ in starts[1:]]
    return [Span(plan, start, end) for (start, plan), end in zip(starts, [*ends, contract.end_date], strict=True)]


def dated_overrides(contract: Located[Contract]) -> Iterator[DatedOverride]:
    """The overrides of a contract, then those of its amendments as they are written."""
    terms, place = contract.terms, contract.place
    for position, override in enumerate(terms.rate_overrides):
        yield _dated(override, place.at("rate_overrides", position), terms.start_date)
    for number, amendment in enumerate(terms.amendments):
        for position, override in enumerate(amendment.rate_overrides):
            yield _dated(override, place.at("amendments", number, "rate_overrides", position), amendment.effective_date)


def _dated(override: RateOverride, place: SourceLocation, default: date) -> DatedOverride:
    return DatedOverride(override, place, override.effective_from or default, override.effective_to)


def contract_terms(contract: Contract, plans: Mapping[str, Located[Plan]]) -> Iterator[dict[str, Any]]:
    """Rows of CONTRACT_TERMS of one contract: a term holds until it is named again, null returns to the plan's (R-5b)."""
    plan, carried = contract.plan, {key: getattr(contract, key) for key in _CARRIED}
    yield _term_row(contract.id, contract.start_date, plans[plan].terms, carried)
    for amendment in sorted(contract.amendments, key=lambda amendment: amendment.effective_date):
        plan = amendment.plan or plan
        carried |= {key: getattr(amendment, key) for key in _CARRIED if key in amendment.model_fields_set}
        yield _term_row(contract.id, amendment.effective_date, plans[plan].terms, carried)


def _term_row(contract_id: str, effective_date: date, plan: Plan, carried: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "contract_id": contract_id,
        "effective_date": effective_date,
        "plan_code": plan.code,
        "base_fee": plan.base_fee if carried["base_fee"] is None else carried["base_fee"],
        "net_terms": plan.net_terms if carried["net_terms"] is None else carried["net_terms"],
        "minimum_spend": carried["minimum_spend"],
        "maximum_spend": plan.maximum_spend if carried["maximum_spend"] is None else carried["maximum_spend"],
        "base_fee_in_advance": (carried["billing"] or plan.billing) == "in_advance",
    }


@dataclass(frozen=True, slots=True)
class Recurrence:
    """How often a grant comes again (R-111): once a billing period that begins before `until`, `times` at most (None: any number);
    each lasts `periods` and leaves up to `rollover` of its rest to the next, what was rolled in `again` or not."""

    until: datetime | None
    times: int | None
    periods: int
    rollover: Decimal | None
    again: bool


@dataclass(frozen=True, slots=True)
class GrantTerms:
    """A grant in instants and money: what must be equal for two of them to be one grant."""

    grant_id: str
    contract_id: str
    kind: str
    amount: Decimal
    credits: Decimal | None
    credit_rate: Decimal | None
    price: Decimal
    effective_at: datetime
    expires_at: datetime | None
    applies_to: tuple[str, ...] | None
    priority: int
    covers: str
    recurrence: Recurrence | None


@dataclass(frozen=True, slots=True)
class DatedGrant:
    """A grant as stated, what it comes to, and the instants its contract begins and ends at."""

    stated: Located[CreditGrant]
    terms: GrantTerms
    contract_start: datetime
    contract_end: datetime | None


def dated_grants(contract_files: ContractFiles, grants: Sequence[Located[CreditGrant]]) -> list[DatedGrant]:
    """Grants of known contracts in existing zones, with dates as first instants of local days (R-6)."""
    contracts = [contract_files.contracts.stated[grant.terms.contract].terms for grant in grants]
    zones = pl.Series("zone", [contract_files.zone(contract) for contract in contracts], dtype=pl.String)
    starts = _instants([contract.start_date for contract in contracts], zones)
    ends = _instants([contract.end_date for contract in contracts], zones)
    effective = _instants([grant.terms.effective_at for grant in grants], zones)
    expires = _instants([grant.terms.expires_at for grant in grants], zones)
    until = _instants([grant.terms.until for grant in grants], zones)
    dated = []
    for grant, start, end, effective_at, expires_at, ceases in zip(
        grants, starts, ends, effective, expires, until, strict=True
    ):
        assert start is not None
        terms = _grant_terms(grant.terms, effective_at or start, expires_at, _recurrence(grant.terms, ceases))
        dated.append(DatedGrant(grant, terms, start, end))
    return dated


def _instants(moments: Sequence[date | datetime | None], zones: pl.Series) -> list[datetime | None]:
    """Moments as UTC: instants as they are, dates as the first instant of that day in their zone."""
    if len(moments) <= _FEW or all(moment is None or isinstance(moment, datetime) for moment in moments):
        return [None if moment is None else instant_in(zone, moment) for moment, zone in zip(moments, zones, strict=True)]
    days = pl.Series("day", [None if isinstance(moment, datetime) else moment for moment in moments], dtype=pl.Date)
    instants = first_instants(days, zones).to_list()
    return [moment if isinstance(moment, datetime) else instant for moment, instant in zip(moments, instants, strict=True)]


def _recurrence(grant: CreditGrant, until: datetime | None) -> Recurrence | None:
    if grant.every is None:
        return None
    rollover = grant.rollover
    return Recurrence(
        until=until,
        times=grant.times,
        periods=grant.periods or 1,
        rollover=None if rollover is None else rollover.maximum,
        again=rollover is not None and rollover.again,
    )


def _grant_terms(
    grant: CreditGrant, effective_at: datetime, expires_at: datetime | None, recurrence: Recurrence | None
) -> GrantTerms:
    amount = grant_amount(grant)
    price = Decimal(0) if grant.kind == "promotional" else amount if grant.price is None else grant.price
    return GrantTerms(
        grant_id=grant.id,
        contract_id=grant.contract,
        kind=grant.kind,
        amount=amount,
        credits=grant.credits,
        credit_rate=grant.credit_rate,
        price=price,
        effective_at=effective_at,
        expires_at=expires_at,
        applies_to=None if grant.applies_to is None else tuple(sorted(set(grant.applies_to))),
        priority=grant.priority,
        covers=grant.covers,
        recurrence=recurrence,
    )


def grant_amount(grant: CreditGrant) -> Decimal:
    """The money value of a grant: its amount, or credits times credit_rate, exactly (R-33)."""
    if grant.amount is not None:
        return grant.amount
    return EXACT.multiply(grant.credits or Decimal(0), grant.credit_rate or Decimal(0))
