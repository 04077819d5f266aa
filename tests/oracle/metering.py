"""Events to usage: which version of a key counts, where it belongs, and what it adds up to (R-11..R-16, R-45)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from fractions import Fraction
from math import ceil
from typing import Any

from tests.oracle.books import PER_WINDOW, Books, Contract, Mapping, property_text
from tests.oracle.calendar import Period, Window, windows
from tests.oracle.exact import QUANTITY_DIGITS, exact, half_away, quantity_of
from tests.oracle.formulas import quantity_by_formula

Event = dict[str, Any]
VersionId = tuple[str, int, int, int]  # file, position, element, batch: the one version that landed there
PeriodKey = tuple[str, datetime]  # contract, period start

# Events may lie up to an hour after their receipt, so periods that begin in that hour may have usage already.
LEAD = timedelta(hours=1)


@dataclass(frozen=True)
class UsageRow:
    """A row of usage (R-16), with the names of `tables.USAGE`."""

    contract_id: str
    customer_id: str
    period_start: datetime
    period_end: datetime
    window_start: datetime
    window_end: datetime
    meter_code: str
    group_values: tuple[str | None, ...]
    quantity: Fraction
    event_count: int


@dataclass(frozen=True)
class Disposition:
    """What became of one event version (R-12)."""

    version: VersionId
    disposition: str
    contract_id: str | None = None
    period_start: datetime | None = None
    taken_by: tuple[str, ...] = ()
    failed_by: tuple[str, ...] = ()


@dataclass(frozen=True)
class Rating:
    """What the last rating of an issued period contained (R-45): a closed period keeps it."""

    contract_id: str
    start: datetime
    end: datetime
    versions: frozenset[VersionId]
    rows: tuple[UsageRow, ...]


@dataclass
class Metered:
    """The outcome of metering: one disposition a version, and the usage of every period."""

    dispositions: list[Disposition] = field(default_factory=list)
    rows: list[UsageRow] = field(default_factory=list)

    def rating_of(self, contract_id: str, start: datetime, end: datetime) -> Rating:
        versions = {d.version for d in self.dispositions if (d.contract_id, d.period_start) == (contract_id, start)}
        return Rating(contract_id, start, end, frozenset(versions), tuple(self.rows_of(contract_id, start)))

    def rows_of(self, contract_id: str, period_start: datetime) -> list[UsageRow]:
        return [row for row in self.rows if (row.contract_id, row.period_start) == (contract_id, period_start)]


def version_of(event: Event) -> VersionId:
    return (event["file"], event["position"], event.get("element", 0), event["batch"])


def versions_by_key(events: Iterable[Event]) -> list[list[Event]]:
    """The versions of every idempotency key, oldest first (R-11). An event without a key is alone."""
    groups: dict[object, list[Event]] = {}
    for event in events:
        key = event.get("idempotency_key")
        groups.setdefault(("key", key) if key is not None else ("own", version_of(event)), []).append(event)
    return [sorted(group, key=lambda event: (event["received_at"], *version_of(event))) for group in groups.values()]


class Metering:
    """One run's metering. `issued_days` and `closed` say what earlier runs have fixed."""

    def __init__(self, books: Books, issued_days: dict[str, dict[date, date]], closed: list[Rating], as_of: datetime) -> None:
        self.books = books
        self.closed = closed
        self.kept = {version: rating for rating in closed for version in rating.versions}
        self.periods: dict[str, list[Period]] = {
            contract.contract_id: contract.periods(issued_days.get(contract.contract_id, {}), as_of + LEAD)
            for contract in books.contracts.values()
            if contract.approved
        }
        self.external = {c["external_id"]: c["id"] for c in books.customers.values() if c.get("external_id") is not None}

    def run(self, events: list[Event]) -> Metered:
        metered = Metered()
        counted: list[tuple[Event, Disposition]] = []
        kept: list[tuple[Event, Disposition]] = []
        for versions in versions_by_key(events):
            for event, disposition in self._settle(versions):
                metered.dispositions.append(disposition)
                if disposition.disposition == "metered" and disposition.version not in self.kept:
                    counted.append((event, disposition))
                elif disposition.disposition == "metered":
                    kept.append((event, disposition))
        self._read_one_after_another(counted + kept)
        metered.rows = [row for rating in self.closed for row in rating.rows] + self._usage(counted) + self._levels()
        return metered

    # --- which version counts -------------------------------------------------------------------------------------------------

    def _settle(self, versions: list[Event]) -> list[tuple[Event, Disposition]]:
        """The newest version counts, unless it would change a closed period: then it is too late as a whole (R-45)."""
        keeps_one = any(version_of(event) in self.kept for event in versions)
        settled = []
        one_counts = False
        for event in reversed(versions):
            version = version_of(event)
            if one_counts:
                disposition = Disposition(version, "superseded")
            elif version in self.kept:
                rating = self.kept[version]
                disposition = Disposition(version, "metered", rating.contract_id, rating.start)
            elif keeps_one:
                disposition = Disposition(version, "too_late")
            else:
                disposition = self._judge(event)
                if disposition.disposition == "metered" and self._is_closed(disposition.contract_id, event["timestamp"]):
                    disposition = Disposition(version, "too_late")
            one_counts = one_counts or disposition.disposition != "too_late"
            settled.append((event, disposition))
        return settled

    def _is_closed(self, contract_id: str | None, instant: datetime) -> bool:
        return any(r.contract_id == contract_id and r.start <= instant < r.end for r in self.closed)

    # --- where it belongs -----------------------------------------------------------------------------------------------------

    def _judge(self, event: Event) -> Disposition:
        """The disposition of a version taken by itself (R-12), each reason in its turn."""
        version = version_of(event)
        if event.get("tombstone"):
            return Disposition(version, "voided")
        customer_id = event.get("customer_id") or self.external.get(event.get("external_customer_id"))
        if customer_id not in self.books.customers:
            return Disposition(version, "unknown_customer")
        active = [
            c
            for c in self.books.contracts.values()
            if c.active_at(event["timestamp"]) and c.takes_events_of(customer_id, event["timestamp"])
        ]
        if event.get("contract_id") is not None:
            active = [contract for contract in active if contract.contract_id == event["contract_id"]]
        if not active:
            return Disposition(version, "no_active_contract")
        taking = [contract for contract in active if self._meters_taking(contract, event)]
        if not taking:
            return Disposition(version, "no_meter")
        if len(taking) > 1:
            return Disposition(version, "ambiguous_contract")
        return self._measure(taking[0], event)

    def _measure(self, contract: Contract, event: Event) -> Disposition:
        meters = self._meters_taking(contract, event)
        failed = tuple(meter for meter in meters if self._measured(meter, event) is None)
        taken = tuple(meter for meter in meters if meter not in failed)
        if not taken:
            return Disposition(version_of(event), "bad_quantity", failed_by=failed)
        start = self.period_at(contract, event["timestamp"]).start
        return Disposition(version_of(event), "metered", contract.contract_id, start, taken, failed)

    def _measured(self, meter_code: str, event: Event) -> Fraction | str | None:
        """What the meter reads off the event: 1 for count, a text for unique, else a quantity; None is bad_quantity."""
        meter = self.books.meters[meter_code]
        if meter["aggregation"] == "count":
            return Fraction(1)
        if isinstance(meter["aggregation_key"], dict) or "round_each" in meter:
            return quantity_by_formula(meter, event.get("properties") or {})
        value = (event.get("properties") or {}).get(meter["aggregation_key"])
        return property_text(event, meter["aggregation_key"]) if meter["aggregation"] == "unique" else quantity_of(value)

    def period_at(self, contract: Contract, instant: datetime) -> Period:
        """The billing period that contains the instant (R-14)."""
        return next(p for p in self.periods[contract.contract_id] if p.start <= instant < p.end)

    def _meters_taking(self, contract: Contract, event: Event) -> list[str]:
        """The contract's meters that take the event, by the plan of its time (R-12, R-101)."""
        of_plan = self.books.meters_of(contract.plan_on(contract.day(event["timestamp"])))
        return [code for code in self.books.meters if code in of_plan and self.books.meter_takes(code, event)]

    # --- what it adds up to ---------------------------------------------------------------------------------------------------

    def _usage(self, counted: list[tuple[Event, Disposition]]) -> list[UsageRow]:
        groups: dict[tuple[str, Period, Window, str, tuple[str | None, ...]], list[Event]] = {}
        for event, disposition in counted:
            assert disposition.contract_id is not None
            contract = self.books.contracts[disposition.contract_id]
            period = self.period_at(contract, event["timestamp"])
            for meter_code in disposition.taken_by:
                if self.books.meters[meter_code]["aggregation"] == "level":
                    continue
                window = self._window(contract, period, meter_code, event["timestamp"])
                values = tuple(self._group_value(event, key) for key in self.books.meters[meter_code].get("group_keys") or [])
                groups.setdefault((contract.contract_id, period, window, meter_code, values), []).append(event)
        return [
            UsageRow(
                contract_id,
                self.books.contracts[contract_id].customer_id,
                period.start,
                period.end,
                window.start,
                window.end,
                meter_code,
                values,
                self._aggregate(meter_code, events, window),
                len(events),
            )
            for (contract_id, period, window, meter_code, values), events in groups.items()
        ]

    def _group_value(self, event: Event, key: str | Mapping) -> str | None:
        """The value of a group key: a property, or the event's customer (R-97)."""
        if isinstance(key, str):
            return property_text(event, key)
        assert key["of"] == "$customer"
        return event.get("customer_id") or self.external[event["external_customer_id"]]

    def _window(self, contract: Contract, period: Period, meter_code: str, instant: datetime) -> Window:
        """The rating window of the instant; the plan interval for what is not additive (R-18, R-101)."""
        is_additive = self.books.meters[meter_code]["aggregation"] in PER_WINDOW
        spans = windows(period, contract.changes()) if is_additive else contract.plan_intervals(period)
        return next(w for w in spans if w.start <= instant < w.end)

    # --- readings that go on from one to the next (R-98, R-99) ----------------------------------------------------------------

    def _read_one_after_another(self, metered: list[tuple[Event, Disposition]]) -> None:
        """The readings of each contract, level or counter and combination in the order of time, those of closed periods among them."""
        self.readings: dict[tuple[str, str, tuple[str | None, ...]], list[tuple[Event, Fraction]]] = {}
        for event, disposition in metered:
            contract = self.books.contracts.get(disposition.contract_id or "")
            if contract is None or not contract.active_at(event["timestamp"]):
                continue
            for meter_code in self._measure(contract, event).taken_by:
                if self.books.meters[meter_code]["aggregation"] in ("level", "counter"):
                    values = tuple(self._group_value(event, k) for k in self.books.meters[meter_code].get("group_keys") or [])
                    read = self._measured(meter_code, event)
                    assert isinstance(read, Fraction)
                    self.readings.setdefault((contract.contract_id, meter_code, values), []).append((event, read))
        self.growth: dict[tuple[str, VersionId], Fraction] = {}
        for (_, meter_code, _), readings in self.readings.items():
            readings.sort(key=lambda reading: (reading[0]["timestamp"], reading[0]["received_at"], *version_of(reading[0])))
            before: Fraction | None = None
            for event, read in readings:
                if before is None:
                    grown = read if self.books.meters[meter_code].get("from_zero") else Fraction(0)
                else:
                    grown = read if read < before else read - before
                self.growth[meter_code, version_of(event)] = grown
                before = read

    def _levels(self) -> list[UsageRow]:
        """What levels come to in every plan interval of open periods in which a plan bills them."""
        rows = []
        for (contract_id, meter_code, values), readings in self.readings.items():
            if self.books.meters[meter_code]["aggregation"] != "level":
                continue
            contract = self.books.contracts[contract_id]
            for period in self.periods[contract_id]:
                if self._is_closed(contract_id, period.start):
                    continue
                for interval in contract.plan_intervals(period):
                    if meter_code not in self.books.meters_of(contract.plan_on(contract.day(interval.start))):
                        continue
                    held = Fraction(0)
                    for nth, (event, read) in enumerate(readings):
                        end = readings[nth + 1][0]["timestamp"] if nth + 1 < len(readings) else interval.end
                        begins, ends = max(event["timestamp"], interval.start), min(end, interval.end)
                        if begins < ends:
                            held += read * ((ends - begins) // timedelta(microseconds=1))
                    count = sum(interval.start <= event["timestamp"] < interval.end for event, _ in readings)
                    if count or held:
                        quantity = half_away(held / contract.full_length(period), QUANTITY_DIGITS)
                        span = (period.start, period.end, interval.start, interval.end)
                        rows.append(UsageRow(contract_id, contract.customer_id, *span, meter_code, values, quantity, count))
        return rows

    def _aggregate(self, meter_code: str, events: list[Event], window: Window) -> Fraction:
        aggregation = self.books.meters[meter_code]["aggregation"]
        if aggregation == "counter":
            return sum((self.growth[meter_code, version_of(event)] for event in events), Fraction(0))
        read = [self._measured(meter_code, event) for event in events]
        if aggregation == "unique":
            return Fraction(len(set(read)))
        quantities = [quantity for quantity in read if isinstance(quantity, Fraction)]
        if aggregation == "percentile":
            return percentile(self.books.meters[meter_code], events, quantities, window)
        if aggregation == "latest":
            newest = max(events, key=lambda event: (event["timestamp"], event["received_at"], *version_of(event)))
            return quantities[events.index(newest)]
        if aggregation == "average":
            return half_away(sum(quantities, Fraction(0)) / len(quantities), QUANTITY_DIGITS)
        return {"max": max(quantities), "min": min(quantities)}.get(aggregation, sum(quantities, Fraction(0)))


EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001


def percentile(meter: Mapping, events: list[Event], quantities: list[Fraction], window: Window) -> Fraction:
    """R-100: the reading at place ceil(n x p / 100), ascending; of sums per interval of UTC time where the meter has one."""
    readings = quantities
    if interval := meter.get("interval"):
        step = timedelta(minutes=int(interval[:-1]))
        first = (window.start - EPOCH) // step
        last = (window.end - timedelta(microseconds=1) - EPOCH) // step
        sums = dict.fromkeys(range(first, last + 1), Fraction(0))
        for event, quantity in zip(events, quantities, strict=True):
            sums[(event["timestamp"] - EPOCH) // step] += quantity
        readings = [*sums.values()]
    place = ceil(len(readings) * exact(meter["percentile"]) / 100)
    return sorted(readings)[place - 1]


def count_dispositions(dispositions: list[Disposition]) -> Counter[str]:
    return Counter(disposition.disposition for disposition in dispositions)
