"""What the books of now would make of an event, said while it is sent (R-61). Refuses nothing and prices nothing: the models and the
kernel of the next run decide.

What belongs here: who would be billed, by which meters, and whether a price of its own is there. What does not: what is worked out of
properties (formulas, bands, filters); of meters that do so nothing is said, rather than something that may be wrong.
"""

from __future__ import annotations

import difflib
import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl

from rating.books import Books
from rating.books.values import canonical_number
from rating.calendar import local_date
from rating.catalog import Catalog
from rating.vocabulary import WINDOWED

ANY = None  # as the books' frames have `*`
Combination = tuple[str | None, ...]
KINDS = (
    "unknown_customer",
    "no_active_contract",
    "ambiguous_contract",
    "no_meter",
    "bad_quantity",
    "fallback_price",
    "missing_dimension",
    "near_miss",
)
NUMERIC = {*WINDOWED, "max", "min", "latest", "average", "percentile", "level", "counter"} - {"count", "unique"}


@dataclass(frozen=True, slots=True)
class Notice:
    """code: one of KINDS. message: a sentence."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class _Contract:
    contract_id: str
    start: date
    end: date | None
    zone: ZoneInfo
    meters: tuple[str, ...]

    def is_active(self, instant: datetime) -> bool:
        day = local_date(instant, self.zone)
        return self.start <= day and (self.end is None or day < self.end)


@dataclass(frozen=True, slots=True)
class _Meter:
    """quantity: the property that is looked at; None: none, or it is worked out. keys: group keys; None: one of them is worked out."""

    code: str
    include: frozenset[str] | None
    exclude: frozenset[str]
    aggregation: str
    quantity: str | None
    keys: tuple[str, ...] | None
    is_filtered: bool

    def takes(self, event_name: str) -> bool:
        return event_name not in self.exclude and (self.include is None or event_name in self.include)


@dataclass(slots=True)
class Notices:
    """The books, laid out to be asked about one event after the other."""

    customers: dict[str, str] = field(default_factory=dict)
    external: dict[str, str] = field(default_factory=dict)
    contracts: dict[str, list[_Contract]] = field(default_factory=dict)
    meters: dict[str, _Meter] = field(default_factory=dict)
    # combinations with a price of their own, by (contract or None, meter); no entry: the meter has one price for all
    priced: dict[tuple[str | None, str], set[Combination]] = field(default_factory=dict)
    _meters_of: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))  # by plan
    _known: dict[Any, tuple[Notice, ...]] = field(default_factory=dict)

    @classmethod
    def of(cls, books: Books) -> Notices:
        found = cls()
        filtered = set(books.meter_filters.get_column("meter_code"))
        for row in books.meters.iter_rows(named=True):
            found.meters[row["meter_code"]] = _meter(row, is_filtered=row["meter_code"] in filtered)
        cards: dict[str, str] = {}
        pricings = {row["pricing_code"]: row for row in books.pricings.iter_rows(named=True)}
        for plan, code in books.plan_pricings.select("plan_code", "pricing_code").iter_rows():
            pricing = pricings[code]
            if pricing["meter_code"] is not None:
                found._meters_of[plan].append(pricing["meter_code"])
            if pricing["rate_card_code"] is not None:
                cards[pricing["meter_code"]] = pricing["rate_card_code"]
        entries: dict[str, set[Combination]] = defaultdict(set)
        for card, values in books.rate_card_entries.select("rate_card_code", "group_values").iter_rows():
            entries[card].add(tuple(values))
        for meter, card in cards.items():
            found.priced[None, meter] = entries[card]
        found._lay_customers(books.customers)
        found._lay_contracts(books)
        return found

    def hear_of(self, books: Books, customers: Collection[str], contracts: Collection[str]) -> None:
        """Know these customers and contracts as the books have them now, all others as before. Contracts are approved, and of the
        customers of whom they were."""
        if customers:
            for external in [external for external, customer in self.external.items() if customer in customers]:
                del self.external[external]
            self._lay_customers(books.customers.filter(pl.col("customer_id").is_in(list(customers))))
        if contracts:
            self._lay_contracts(books.only(pl.Series(list(contracts), dtype=pl.String)))
        self._known = {}

    def _lay_customers(self, customers: pl.DataFrame) -> None:
        ids = customers.get_column("customer_id").to_list()
        self.customers.update(zip(ids, ids, strict=True))
        self.external.update(customers.select("external_id", "customer_id").drop_nulls("external_id").rows())

    def _lay_contracts(self, books: Catalog) -> None:
        plans: dict[str, list[str]] = defaultdict(list)
        for contract, plan in books.contract_terms.select("contract_id", "plan_code").rows():
            plans[contract].append(plan)
        covered = defaultdict(list)
        for contract, customer in books.covered_customers.select("contract_id", "customer_id").iter_rows():
            covered[contract].append(customer)
        laid: dict[str, list[_Contract]] = defaultdict(list)
        meters: dict[tuple[str, ...], tuple[str, ...]] = {}  # by plans, of which there are few
        columns = ("contract_id", "customer_id", "start_date", "end_date", "timezone")
        for code, customer, start, end, zone in books.contracts.filter(pl.col("status") == "approved").select(columns).rows():
            of_plans = tuple(plans[code])
            if of_plans not in meters:
                meters[of_plans] = tuple(dict.fromkeys(meter for plan in of_plans for meter in self._meters_of[plan]))
            one = _Contract(code, start, end, ZoneInfo(zone), meters[of_plans])
            for owner in (customer, *covered.get(code, ())):
                laid[owner].append(one)
        for customer, contracts in laid.items():
            every = {one.contract_id: one for one in (*self.contracts.get(customer, ()), *contracts)}
            self.contracts[customer] = [every[contract_id] for contract_id in sorted(every)]
        for contract, meter, values in books.rate_overrides.select("contract_id", "meter_code", "group_values").iter_rows():
            if meter is not None and values is not None:
                self.priced.setdefault((contract, meter), set()).add(tuple(values))

    def about(self, event: Mapping[str, Any], receipt: datetime) -> tuple[Notice, ...]:
        """All there is to say of an event that is one. event: its fields in snake_case, properties as read; receipt: naive UTC."""
        properties = event.get("properties") or {}
        instant = event.get("timestamp") or receipt
        texts = {name: _canonical(value) for name, value in properties.items()}
        who = (event.get("customer_id"), event.get("external_customer_id"), event.get("contract_id"), event["event_name"])
        # events of one shape and day are alike but for numbers
        key = (who, instant.date(), tuple((name, None if _is_number(text) else text) for name, text in texts.items()))
        known = self._known  # another takes its place where something is agreed meanwhile
        if (said := known.get(key)) is None:
            if len(known) > 100_000:
                known.clear()
            said = known[key] = tuple(self._said(who, instant, texts))
        return said

    def _said(
        self, who: tuple[str | None, str | None, str | None, str], instant: datetime, texts: Mapping[str, str | None]
    ) -> Iterable[Notice]:
        customer_id, external, pinned, event_name = who
        customer = self.customers.get(customer_id or "") if customer_id else self.external.get(external or "")
        if customer is None:
            known = self.customers if customer_id else self.external
            yield Notice(
                "unknown_customer",
                f"There is no customer `{customer_id or external}` in the books{_near(customer_id or external or '', known)}.",
            )
            return
        active = [
            one for one in self.contracts.get(customer, []) if one.is_active(instant) and pinned in (None, one.contract_id)
        ]
        if not active:
            what = f"contract `{pinned}` of `{customer}` is not" if pinned else f"customer `{customer}` has no contract that is"
            yield Notice("no_active_contract", f"At {instant:%Y-%m-%d %H:%M} UTC {what} active.")
            return
        takers = {
            one.contract_id: [self.meters[code] for code in one.meters if self.meters[code].takes(event_name)] for one in active
        }
        if not any(takers.values()):
            names = {name for one in active for code in one.meters for name in self.meters[code].include or ()}
            yield Notice("no_meter", f"No meter of {_listed(takers)} takes `{event_name}`{_near(event_name, names)}.")
            return
        if sum(map(bool, takers.values())) > 1:
            yield Notice("ambiguous_contract", f"Several contracts take it ({_listed(takers)}): give contract_id.")
            return
        [(contract, meters)] = [(contract, meters) for contract, meters in takers.items() if meters]
        for meter in meters:
            yield from self._of_meter(contract, meter, texts)

    def _of_meter(self, contract: str, meter: _Meter, texts: Mapping[str, str | None]) -> Iterable[Notice]:
        if meter.is_filtered:
            return
        if meter.quantity is not None and meter.aggregation in NUMERIC and not _is_number(texts.get(meter.quantity)):
            given = texts.get(meter.quantity)
            near = difflib.get_close_matches(meter.quantity, texts, 1, 0.6)
            if given is not None:
                what = f"`{meter.quantity}` is {given!r}"
            else:
                what = f"the event has `{near[0]}`" if near else "the event has none"
            yield Notice("bad_quantity", f"{meter.code} {_reads(meter.aggregation)} `{meter.quantity}`; {what}.")
        if meter.keys is None:
            return
        for key in meter.keys:
            if texts.get(key) is not None:
                continue
            alike = next((name for name in texts if name != key and _letters(name) == _letters(key)), None)
            if alike:
                yield Notice("near_miss", f"`{alike}` looks like the group key `{key}` of {meter.code}.")
            else:
                yield Notice("missing_dimension", f"{meter.code} is priced by `{key}`, which the event has not.")
        combination = tuple(texts.get(key) for key in meter.keys)
        priced = self.priced.get((None, meter.code))
        if priced is not None and not _has_price([*priced, *self.priced.get((contract, meter.code), ())], combination):
            shown = " / ".join(value if value is not None else "(none)" for value in combination)
            yield Notice(
                "fallback_price",
                f"{meter.code} has no price for {shown}{_near_value(priced, combination)}: the fallback applies.",
            )


def _meter(row: Mapping[str, Any], *, is_filtered: bool) -> _Meter:
    keys = tuple(row["group_keys"])
    worked_out = row["group_properties"] is not None and any(
        found is not None and found != key for found, key in zip(row["group_properties"], keys, strict=False)
    )
    plain = row["aggregation_key"] if row["quantity_property"] in (None, row["aggregation_key"]) else None
    return _Meter(
        row["meter_code"],
        None if row["include_events"] is None else frozenset(row["include_events"]),
        frozenset(row["exclude_events"] or ()),
        row["aggregation"],
        plain,
        None if worked_out or any(key.startswith("$") for key in keys) else keys,
        is_filtered,
    )


def _has_price(priced: Iterable[Combination], combination: Sequence[str | None]) -> bool:
    return any(
        len(entry) == len(combination)
        and all(value is not None and part in (ANY, value) for part, value in zip(entry, combination, strict=True))
        for entry in priced
    )


def _near_value(priced: Iterable[Combination], combination: Sequence[str | None]) -> str:
    """The first value that is nearly one of the card's."""
    for place, value in enumerate(combination):
        known = {part for entry in priced if len(entry) == len(combination) and (part := entry[place]) is not ANY}
        if value is None or value in known:
            continue
        for other in sorted(known):
            if _letters(other) == _letters(value):
                return f" (`{value}` looks like `{other}`)"
        if near := difflib.get_close_matches(value, sorted(known), 1, 0.75):
            return f" (`{value}` looks like `{near[0]}`)"
    return ""


def _near(text: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(text, list(known)[:20_000], 1, 0.75)
    return f"; `{near[0]}` is" if near else ""


def _listed(contracts: Iterable[str]) -> str:
    return ", ".join(f"`{contract}`" for contract in contracts)


def _letters(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _reads(aggregation: str) -> str:
    return "sums" if aggregation == "sum" else f"takes the {aggregation} of"


def _canonical(value: Any) -> str | None:
    """A value as group values compare (R-15)."""
    if value is None or isinstance(value, list | dict):
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | Decimal):
        return canonical_number(Decimal(value))
    return str(value)


def _is_number(text: str | None) -> bool:
    if text is None:
        return False
    try:
        return Decimal(text).is_finite()
    except InvalidOperation:
        return False
