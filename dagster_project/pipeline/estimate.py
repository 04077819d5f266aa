"""What events would cost (R-69): the same models and the same kernel, asked once for every beginning of the list of events.

An event's share is the total with it less the total without it. So the contract is copied, once for each number of events it may have
had, the copies are rated as the contracts of one shard, and neighbours are compared. Nothing is kept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec
import polars as pl

from dagster_project.errors import UserError
from dagster_project.landing import raw_tables
from dagster_project.landing.event import MEMBERS, SPELLINGS
from dagster_project.landing.lines import lines
from dagster_project.landing.validation import Judge
from dagster_project.pipeline import contract_copies as copies
from dagster_project.pipeline.metering import metering_of
from dagster_project.pipeline.usage_so_far import counted_events, usage_of
from dagster_project.warehouse.paths import Warehouse
from rating import tables
from rating.books import Books
from rating.documents import Documents
from rating.rate import Months
from rating.schedule import Schedule, build_schedule
from rating.shards import Shard, rate_or_hold_back
from rating.tables import COUNT, PRICE, QUANTITY, SMALL, TEXT, Column, Table

SUMMED = ("sum", "count")  # aggregations whose usage adds up; all others look at the events again
MOST_ROWS = 3_000_000

EVENT_SHARES = Table(
    "event_shares",
    "one event of an estimate",
    ("index",),
    (
        Column("index", SMALL, "its place in the request, from 0"),
        Column("idempotency_key", TEXT, "its key", nullable=True),
        Column("event_name", TEXT, "its name"),
        Column("disposition", TEXT, "metered, or why it is not"),
        Column("exact_amount", PRICE, "the total with it less the total without it, not rounded"),
    ),
)
METER_SHARES = Table(
    "meter_shares",
    "lines of one kind and meter",
    ("kind", "meter_code"),
    (
        Column("kind", TEXT, "kind of the lines"),
        Column("meter_code", TEXT, "meter of usage lines", nullable=True),
        Column("quantity", QUANTITY, "what the events add to the quantity of usage lines; null for other kinds", nullable=True),
        Column("exact_amount", PRICE, "what they add to the lines, not rounded"),
        Column("amount", tables.MONEY, "what they add to the lines as they are billed"),
    ),
)


class CannotEstimate(UserError):
    """The events cannot be told a price exactly; the sentence says why."""


class EventsRefused(UserError):
    """Events that are none; `reasons` by their place in the request."""

    def __init__(self, reasons: Mapping[int, str]) -> None:
        super().__init__(*(f"events[{index}]: {reason}" for index, reason in reasons.items()))
        self.reasons = dict(reasons)

    def __reduce__(self) -> tuple[type[EventsRefused], tuple[dict[int, str]]]:
        return EventsRefused, (self.reasons,)


@dataclass(frozen=True, slots=True)
class ToEstimate:
    """books: of one contract. events: as they were sent. now: naive UTC, the time of events that say none.

    on_top_of: the warehouse whose last run says what the contract has used already; None: nothing. for_anybody: whoever events name,
    they are the contract's customer's.
    """

    books: Books
    events: Sequence[bytes]
    now: datetime
    on_top_of: Warehouse | None = None
    for_anybody: bool = False


@dataclass(frozen=True, slots=True)
class Estimate:
    """events: EVENT_SHARES. meters: METER_SHARES."""

    events: pl.DataFrame
    meters: pl.DataFrame


def estimate(asked: ToEstimate) -> Estimate:
    """Raises `EventsRefused` for events that would not land, `CannotEstimate` where no exact answer can be given, `UserError` while a
    run holds events that have to be looked at again."""
    events = _events(asked)
    books = copies.copied(asked.books, events.height)
    schedule = build_schedule(books, max(asked.now, *events.get_column("timestamp")))
    metered = metering_of(asked.books).of(books, schedule, copies.beginnings(events))
    usage = [metered.usage]
    if asked.on_top_of is not None:
        usage = _on_top(asked.on_top_of, asked.books, books, schedule, events, metered.usage)
    of_copies = _rated(books, schedule, _summed(pl.concat(usage), books), events)
    return Estimate(_event_shares(events, metered.dispositions, of_copies), _meter_shares(of_copies, events.height))


# --- events as landing would have them -----------------------------------------------------------------------------------------

_CAMEL = {camel: name for name, camel in SPELLINGS.items()}
_CUSTOMERS = ("customer_id", "external_customer_id")


def _events(asked: ToEstimate) -> pl.DataFrame:
    """raw_tables.EVENTS in the order of the request: landing's own judgement, the contract's customer where none is named."""
    customer = asked.books.contracts.item(0, "customer_id")
    texts = [_of_contract(event, customer, for_anybody=asked.for_anybody) for event in asked.events]
    judge = Judge(asked.now, asked.books.settings.timezone)
    judged = judge.judged([lines(1, pl.Series(range(1, len(texts) + 1), dtype=pl.Int64), pl.Series(texts, dtype=pl.String))])
    if judged.rejected.height:
        raise EventsRefused({row[0] - 1: row[1] for row in judged.rejected.select("position", "fault").iter_rows()})
    return raw_tables.EVENTS.frame(
        judged.events.sort("position").with_columns(file=pl.lit("request"), file_hash=pl.lit(""), batch=pl.lit(1))
    )


def _of_contract(event: bytes, customer: str, *, for_anybody: bool) -> str:
    """An event with a customer, and pinned to no contract: there is but one."""
    try:
        said = MEMBERS.decode(event)
    except msgspec.DecodeError:
        return event.decode()  # landing says what is wrong with it
    fields = {name: value for name, value in said.items() if _CAMEL.get(name, name) != "contract_id"}
    named = {name for name in fields if _CAMEL.get(name, name) in _CUSTOMERS}
    if for_anybody or all(bytes(fields[name]) in (b"null", b'""') for name in named):
        fields = {name: value for name, value in fields.items() if name not in named}
        fields["customer_id"] = msgspec.Raw(msgspec.json.encode(customer))
    return msgspec.json.encode(fields).decode()


# --- what the contract has used already ----------------------------------------------------------------------------------------


def meters_that_look_again(books: Books, event_names: set[str]) -> list[str]:
    """Meters that take one of these events and whose usage is no sum of that of events apart."""
    takes = pl.any_horizontal(
        (pl.col("include_events").is_null() | pl.col("include_events").list.contains(name))
        & ~pl.col("exclude_events").list.contains(name).fill_null(value=False)
        for name in sorted(event_names)
    )
    return books.meters.filter(~pl.col("aggregation").is_in(SUMMED), takes).get_column("meter_code").to_list()


def _on_top(
    warehouse: Warehouse, one: Books, books: Books, schedule: Schedule, events: pl.DataFrame, added: pl.DataFrame
) -> list[pl.DataFrame]:
    """USAGE of every copy: what the last run knew, and what its events add."""
    contract, count = one.contracts.item(0, "contract_id"), events.height
    again = meters_that_look_again(one, set(events.get_column("event_name")))
    looks_again = pl.col("meter_code").is_in(again)
    so_far = usage_of(warehouse, contract)
    if one.commitments.is_empty():
        touched = _periods_touched(schedule, events).select("period_start")
        so_far = so_far.join(touched, on="period_start", how="semi")
    windows = schedule.windows.select("period_start").unique()
    if so_far.join(windows, on="period_start", how="anti").height:
        raise CannotEstimate(
            "The books have changed the periods of the contract since the last run. Ask again after the next run."
        )
    counted = counted_events(warehouse, contract, again) if again else raw_tables.EVENTS.empty()
    if counted.is_empty():
        return [added, copies.usage_of_every_copy(so_far, count)]
    if counted.height * (count + 1) > MOST_ROWS:
        raise CannotEstimate(
            f"{', '.join(again)} look at all {counted.height:,} events of the contract again for every event of the request. "
            "Ask for fewer events at a time."
        )
    # versions of the request come after those that have landed
    both = [
        copies.events_of_every_copy(
            counted.with_columns(batch=pl.lit(0, dtype=SMALL), contract_id=pl.lit(None, dtype=TEXT)), count
        ),
        copies.beginnings(events),
    ]
    looked = metering_of(one).of(books, schedule, pl.concat(both)).usage
    return [
        added.filter(~looks_again),
        looked.filter(looks_again),
        copies.usage_of_every_copy(so_far.filter(~looks_again), count),
    ]


def _summed(usage: pl.DataFrame, books: Books) -> pl.DataFrame:
    """USAGE with equal rows as one."""
    summed = (
        copies.original_customers(usage, books)
        .group_by(tables.USAGE.key)
        .agg(pl.col("customer_id", "period_start", "period_end").first(), pl.col("quantity", "event_count").sum())
    )
    return tables.USAGE.frame(summed).sort(tables.USAGE.key)


# --- what the copies come to ---------------------------------------------------------------------------------------------------

_FIGURES = ["quantity", "exact_amount", "amount"]


def _periods_touched(schedule: Schedule, events: pl.DataFrame) -> pl.DataFrame:
    """period_start and month of the periods that hold an event."""
    of_one = schedule.periods.filter(copies.number_of("contract_id") == 0)
    holds = (pl.col("period_start") <= pl.col("timestamp"), pl.col("timestamp") < pl.col("period_end"))
    return of_one.join_where(events.select("timestamp"), *holds).select("period_start", "month").unique()


def _rated(books: Books, schedule: Schedule, usage: pl.DataFrame, events: pl.DataFrame) -> pl.DataFrame:
    """Lines of the months of the events: copy, kind, meter_code, quantity, exact_amount, amount."""
    months = _periods_touched(schedule, events).get_column("month").sort()
    columns = ("kind", "meter_code", *_FIGURES)
    if months.is_empty():
        return tables.INVOICE_LINES.empty().select(pl.lit(0, dtype=SMALL).alias("copy"), *columns).clear()
    as_of: datetime = schedule.periods.select(pl.col("period_start").max()).item()
    # a commitment that they count to may end in a later period
    only = Months(months.item(0), months.item(-1) if books.commitments.is_empty() else None)
    rated = rate_or_hold_back(Shard(books, schedule, usage, Documents.none(), as_of, only, issue=False))
    if rated.held_back:
        raise CannotEstimate(rated.held_back[0][1].replace(copies.COPY, " "))
    of_periods = rated.invoices.filter(pl.col("kind") == "period").select("invoice_id", copy=copies.number_of("contract_id"))
    return rated.lines.join(of_periods, on="invoice_id").select("copy", *columns)


def _event_shares(events: pl.DataFrame, judged: pl.DataFrame, of_copies: pl.DataFrame) -> pl.DataFrame:
    count = events.height
    totals = pl.DataFrame({"copy": range(count + 1)}, schema={"copy": SMALL}).join(
        of_copies.group_by("copy").agg(pl.col("exact_amount").sum()), on="copy", how="left", maintain_order="left"
    )
    total = pl.col("exact_amount").fill_null(0)
    shares = totals.select(position=pl.col("copy").cast(COUNT), exact_amount=total - total.shift(1))
    of_all = judged.filter(copies.number_of("file") == count).select("position", "disposition")
    return EVENT_SHARES.frame(
        events.select("position", "idempotency_key", "event_name")
        .join(of_all, on="position", how="left", maintain_order="left")
        .join(shares, on="position", how="left", maintain_order="left")
        .with_columns(index=pl.col("position") - 1)
    )


def _meter_shares(of_copies: pl.DataFrame, count: int) -> pl.DataFrame:
    before, after = (
        of_copies.filter(pl.col("copy") == copy).group_by("kind", "meter_code").agg(pl.col(_FIGURES).sum())
        for copy in (0, count)
    )
    both = after.join(before, on=["kind", "meter_code"], how="full", coalesce=True, nulls_equal=True)
    differences = both.with_columns(
        (pl.col(name).fill_null(0) - pl.col(f"{name}_right").fill_null(0)).alias(name) for name in _FIGURES
    ).filter(pl.any_horizontal(pl.col(name) != 0 for name in _FIGURES))
    of_usage = pl.when(pl.col("kind") == "usage").then("quantity")
    return METER_SHARES.frame(differences.with_columns(quantity=of_usage)).sort("kind", "meter_code", descending=[True, False])
