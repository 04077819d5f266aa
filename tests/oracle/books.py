"""The books, one term at a time: what is in force for a contract on a day (R-5b, R-6, R-18..R-21).

The books come as the plain mapping that their YAML parses to. Nothing is validated here: the books are taken to be right.
"""

from __future__ import annotations

import operator
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from fractions import Fraction
from typing import Any

from tests.oracle.calendar import Period, Window, first_instant, full_length, local_date, periods, windows
from tests.oracle.exact import canonical_text, exact, number_of

Mapping = dict[str, Any]

MINOR_DIGITS = {"USD": 2, "EUR": 2, "JPY": 0, "BHD": 3}
PER_WINDOW = ("sum", "count", "counter")


def day_of(value: date | str) -> date:
    return value if isinstance(value, date) else date.fromisoformat(value)


@dataclass(frozen=True)
class Override:
    """A `rate_overrides` entry with its dates resolved: [effective_from, effective_to)."""

    entry: Mapping
    effective_from: datetime
    effective_to: datetime | None

    def holds_at(self, instant: datetime) -> bool:
        return self.effective_from <= instant and (self.effective_to is None or instant < self.effective_to)


@dataclass(frozen=True)
class Grant:
    """A credit grant with its instants and amounts resolved (R-6, R-33)."""

    grant_id: str
    prepaid: bool
    amount: Fraction
    credit_rate: Fraction | None
    price: Fraction
    effective_at: datetime
    expires_at: datetime | None
    applies_to: tuple[str, ...] | None
    priority: int = 0
    covers_fees: bool = False
    rolls_into: str | None = None
    rollover: Fraction | None = None
    rolls_again: bool = False

    def pays(self, meter_code: str | None, window_start: datetime, window_end: datetime) -> bool:
        """Whether it is in force over the whole window and its scope holds the meter (R-30), or where there is none the fee (R-112)."""
        in_force = self.effective_at <= window_start and (self.expires_at is None or self.expires_at >= window_end)
        if meter_code is None:
            return in_force and self.covers_fees
        return in_force and (self.applies_to is None or meter_code in self.applies_to)

    def drawing_order(self) -> tuple[object, ...]:
        """R-110, R-31: lowest priority, soonest expiry (none last), promotional first, cheapest, earliest, id."""
        cost_basis = self.price / self.amount if self.amount else Fraction(0)
        return (
            self.priority,
            self.expires_at is None,
            (self.expires_at,) if self.expires_at else (),
            self.prepaid,
            cost_basis,
            self.effective_at,
            self.grant_id,
        )


class Contract:
    """One contract and its terms on any day."""

    def __init__(self, books: Books, entry: Mapping) -> None:
        self.books = books
        self.entry = entry
        self.contract_id: str = entry["id"]
        self.customer_id: str = entry["customer"]
        self.approved: bool = entry["status"] == "approved"
        self.zone: str = entry.get("timezone") or books.timezone
        self.start_date = day_of(entry["start_date"])
        self.end_date = day_of(entry["end_date"]) if entry.get("end_date") else None
        self.amendments = sorted(entry.get("amendments") or [], key=lambda amendment: day_of(amendment["effective_date"]))
        self.overrides = list(self._overrides())
        plan = books.plans[entry["plan"]]
        self.currency: str = plan.get("currency") or books.currency
        self.minor_digits = MINOR_DIGITS[self.currency]
        self.frequency: str = plan["billing_frequency"]
        month, _, day = str(entry.get("billing_anchor") or self.start_date.day).rpartition("-")
        self.anchor, self.anchor_month = int(day), int(month) if month else None
        self.grants = sorted(self._grants(), key=Grant.drawing_order)

    def _overrides(self) -> Iterator[Override]:
        for entry in self.entry.get("rate_overrides") or []:
            yield self._override(entry, self.start_date)
        for amendment in self.amendments:
            for entry in amendment.get("rate_overrides") or []:
                yield self._override(entry, day_of(amendment["effective_date"]))

    def _override(self, entry: Mapping, otherwise_from: date) -> Override:
        begins = self.instant(entry.get("effective_from") or otherwise_from)
        return Override(entry, begins, self.instant(entry["effective_to"]) if entry.get("effective_to") else None)

    def _grants(self) -> Iterator[Grant]:
        for entry in self.books.grants.values():
            if entry["contract"] != self.contract_id:
                continue
            rate = exact(entry["credit_rate"]) if entry.get("credit_rate") else None
            amount = exact(entry["amount"]) if rate is None else exact(entry["credits"]) * rate
            prepaid = entry["kind"] == "prepaid"
            single = Grant(
                entry["id"],
                prepaid,
                amount,
                rate,
                (exact(entry["price"]) if entry.get("price") is not None else amount) if prepaid else Fraction(0),
                self.instant(entry.get("effective_at") or self.start_date),
                self.instant(entry["expires_at"]) if entry.get("expires_at") else None,
                tuple(entry["applies_to"]) if entry.get("applies_to") else None,
                int(entry.get("priority", 0)),
                entry.get("covers") == "all",
            )
            yield from self._times(single, entry) if "every" in entry else [single]

    def _times(self, grant: Grant, entry: Mapping) -> Iterator[Grant]:
        """R-111: one a billing period, from the first that begins when the grant is effective or later."""
        until = self.instant(entry["until"]) if entry.get("until") else None
        most, lasts = int(entry.get("times", 0)), int(entry.get("periods", 1))
        rollover = entry.get("rollover")
        periods = [p for p in self.periods({}, datetime(2040, 1, 1)) if p.start >= grant.effective_at]  # noqa: DTZ001
        begun = [p for p in periods if until is None or p.start < until][: most or None]
        for number, period in enumerate(begun, 1):
            yield replace(
                grant,
                grant_id=f"{grant.grant_id}#{number}",
                effective_at=period.start,
                expires_at=periods[min(number - 1 + lasts, len(periods)) - 1].end,
                rolls_into=f"{grant.grant_id}#{number + 1}" if rollover and number < len(begun) else None,
                rollover=exact(rollover["maximum"]) if rollover else None,
                rolls_again=bool(rollover and rollover.get("again")),
            )

    # --- time -----------------------------------------------------------------------------------------------------------------

    def instant(self, value: datetime | date | str) -> datetime:
        """A local day's first instant, or an instant with a zone, as naive UTC (R-6)."""
        if isinstance(value, str) and ("T" in value or " " in value):
            value = datetime.fromisoformat(value)
        if isinstance(value, datetime):
            return value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value
        return first_instant(day_of(value), self.zone)

    def day(self, instant: datetime) -> date:
        return local_date(instant, self.zone)

    @property
    def start(self) -> datetime:
        return self.instant(self.start_date)

    @property
    def end(self) -> datetime | None:
        return self.instant(self.end_date) if self.end_date else None

    def active_at(self, instant: datetime) -> bool:
        return self.approved and self.start <= instant and (self.end is None or instant < self.end)

    def takes_events_of(self, customer_id: str, at: datetime) -> bool:
        """Whether events of a customer go to the contract at an instant: its own, or one that it covers then (R-107)."""
        if customer_id == self.customer_id:
            return True
        for entry in self.entry.get("covers") or []:
            covered = {"customer": entry} if isinstance(entry, str) else entry
            begins = self.instant(covered.get("from") or self.start_date)
            is_over = bool(covered.get("to")) and at >= self.instant(covered["to"])
            if covered["customer"] == customer_id and begins <= at and not is_over:
                return True
        return False

    def periods(self, issued_days: dict[date, date], until: datetime) -> list[Period]:
        return periods(
            self.start_date, self.end_date, self.frequency, self.anchor, self.zone, issued_days, until, self.anchor_month
        )

    def full_length(self, period: Period) -> int:
        return full_length(self.start_date, self.frequency, self.anchor, self.zone, period, self.anchor_month)

    def plan_intervals(self, period: Period) -> list[Window]:
        """The parts of a period in which one plan is in force (R-101)."""
        found: list[Window] = []
        plan = None
        for window in windows(period, self.changes()):
            now = self.plan_on(self.day(window.start))["code"]
            if found and now == plan:
                found[-1] = Window(found[-1].start, window.end)
            else:
                found.append(window)
            plan = now
        return found

    def changes(self) -> set[datetime]:
        """Every instant at which a rating window of this contract starts, whatever period it is in (R-18)."""
        days = {day_of(amendment["effective_date"]) for amendment in self.amendments}
        for commitment in self.entry.get("commitments") or []:
            days |= {day_of(commitment["from"]), day_of(commitment["to"])}
        instants = {self.instant(day) for day in days}
        for override in self.overrides:
            instants |= {instant for instant in (override.effective_from, override.effective_to) if instant}
        for card_code, card in self.books.cards.items():
            begins = [self.instant(version["effective_from"]) for version in card.get("versions") or []]
            instants |= {instant for instant in begins if self._plan_uses_card(self.day(instant), card_code)}
        for grant in self.grants:
            instants |= {instant for instant in (grant.effective_at, grant.expires_at) if instant}
        return instants

    def _plan_uses_card(self, day: date, card_code: str) -> bool:
        return any(self.books.pricings[code].get("rate_card") == card_code for code in self.plan_on(day)["pricings"])

    # --- terms (R-5b) ---------------------------------------------------------------------------------------------------------

    def _named_on(self, term: str, day: date) -> tuple[bool, Any]:
        """Whether the contract or an amendment in force on that day names the term, and what the latest says."""
        named, value = term in self.entry, self.entry.get(term)
        for amendment in self.amendments:
            if day_of(amendment["effective_date"]) <= day and term in amendment:
                named, value = True, amendment[term]
        return named, value

    def plan_on(self, day: date) -> Mapping:
        return self.books.plans[self._named_on("plan", day)[1]]

    def pays_base_fee_in_advance_on(self, day: date) -> bool:
        named = self._named_on("billing", day)[1]
        return (named or self.plan_on(day).get("billing")) == "in_advance"

    def base_fee_on(self, day: date) -> Fraction:
        value = self._named_on("base_fee", day)[1]
        if value is None:
            value = self.plan_on(day).get("base_fee")
        return exact(value) if value is not None else Fraction(0)

    def minimum_spend_on(self, day: date) -> Fraction | None:
        value = self._named_on("minimum_spend", day)[1]
        return exact(value) if value is not None else None

    def maximum_spend_on(self, day: date) -> Fraction | None:
        value = self._named_on("maximum_spend", day)[1]
        if value is None:
            value = self.plan_on(day).get("maximum_spend")
        return exact(value) if value is not None else None

    def net_terms_on(self, day: date) -> int:
        value = self._named_on("net_terms", day)[1]
        if value is None:
            value = self.plan_on(day).get("net_terms")
        return int(value or 0)

    def pricings_on(self, day: date) -> list[str]:
        return list(self.plan_on(day)["pricings"])

    def pricing_override_at(self, pricing_code: str, instant: datetime) -> Mapping | None:
        """The override of the pricing itself (not of a combination) that holds at that instant."""
        for override in self.overrides:
            if override.entry.get("pricing") == pricing_code and override.holds_at(instant):
                return override.entry
        return None


class Books:
    """The sections of the books by code."""

    def __init__(self, sections: Mapping) -> None:
        settings = sections.get("settings") or {}
        self.currency: str = settings.get("currency", "USD")
        self.timezone: str = settings.get("timezone", "UTC")
        self.grace_days = int(settings.get("grace_days", 3))
        self.rerate_days = int(settings.get("rerate_days", 90))
        self.meters: dict[str, Mapping] = {meter["code"]: meter for meter in sections.get("meters") or []}
        self.cards: dict[str, Mapping] = {card["code"]: card for card in sections.get("rate_cards") or []}
        self.pricings: dict[str, Mapping] = {pricing["code"]: pricing for pricing in sections.get("pricings") or []}
        self.plans: dict[str, Mapping] = {plan["code"]: plan for plan in sections.get("plans") or []}
        self.customers: dict[str, Mapping] = {customer["id"]: customer for customer in sections.get("customers") or []}
        self.grants: dict[str, Mapping] = {grant["id"]: grant for grant in sections.get("credit_grants") or []}
        self.contracts: dict[str, Contract] = {entry["id"]: Contract(self, entry) for entry in sections.get("contracts") or []}

    def group_keys(self, meter_code: str) -> list[str]:
        keys = self.meters[meter_code].get("group_keys") or []
        return [key if isinstance(key, str) else key["name"] for key in keys]

    def meters_of(self, plan: Mapping) -> list[str]:
        """Codes of the plan's meters, each once, in pricing order."""
        return list(dict.fromkeys(meter for code in plan["pricings"] if (meter := self.pricings[code].get("meter"))))

    def meter_takes(self, meter_code: str, event: Mapping) -> bool:
        """Whether an active meter's event name and filters admit the event (R-12, R-15)."""
        meter = self.meters[meter_code]
        if meter.get("status", "active") != "active":
            return False
        names = meter.get("event_filter") or {"include": [meter.get("event_name")]}
        included = names.get("include") is None or event["event_name"] in names["include"]
        if not included or event["event_name"] in (names.get("exclude") or []):
            return False
        return all(filter_holds(condition, event) for condition in meter.get("filters") or [])


def property_text(event: Mapping, name: str) -> str | None:
    return canonical_text((event.get("properties") or {}).get(name))


def filter_holds(condition: Mapping, event: Mapping) -> bool:
    """Whether everything the condition says of the property holds; `not_in` holds for a missing one."""
    text = property_text(event, condition["property"])
    within = "in" not in condition or (text is not None and text in {canonical_text(value) for value in condition["in"]})
    without = "not_in" not in condition or text not in {canonical_text(value) for value in condition["not_in"]}
    number = number_of(text)
    limits = all(
        number is not None and compares(number, exact(condition[name]))
        for name, compares in LIMITS.items()
        if name in condition
    )
    begins = "starts_with" not in condition or (text is not None and text.startswith(condition["starts_with"]))
    return within and without and limits and begins and condition.get("exists", text is not None) == (text is not None)


LIMITS = {"above": operator.gt, "at_least": operator.ge, "below": operator.lt, "at_most": operator.le}
